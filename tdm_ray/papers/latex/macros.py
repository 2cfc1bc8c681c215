"""An author's own macros: those that shape tables and sections are expanded, others are kept.

A macro that hides an `&`, a row's end, `\\multicolumn`, a float or a section must be gone before the source
is split. Read are TeX's `\\def` and `\\let`, with `\\csname` too, LaTeX's `\\newcommand` and its kin, and
`\\NewDocumentCommand` (the `xparse` documentation, section "Specifying arguments")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from tdm_ray.papers.latex.tex import argument, arguments, group_end, option

_DEFINITION = re.compile(
    r"\\(?P<how>(?:re|provide)?newcommand|renewcommand|providecommand|DeclareRobustCommand|newrobustcmd"
    r"|DeclareMathOperator|newcommandx|(?:New|Renew|Provide|Declare)(?:Expandable)?DocumentCommand"
    r"|let(?![a-zA-Z@])|[gex]?def(?![a-zA-Z@]))\s*\*?\s*"
)
_ENVIRONMENT = re.compile(r"\\(?:re)?newenvironment\s*\*?\s*")
_NAME = re.compile(r"\\(?:[a-zA-Z@]+|[^a-zA-Z\s])")
_INNER_NAME = re.compile(r"\\[a-zA-Z]*@[a-zA-Z@]*")
_DEF_PARAMETERS = re.compile(r"\s*(?:#\d\s*)*(?=\{)")
# `\\csname best\\endcsname` names `\\best`; before it stands `\\expandafter` where it is defined.
_CSNAME = re.compile(
    r"(?:\\expandafter\s*+)?(?P<how>\\(?:[gex]?def|let|newcommand)\s*+)?\\csname\s*+(?P<name>[^\\{}#%]{1,80})"
    r"\\endcsname"
)
# The arguments of `\\NewDocumentCommand`: a star, options, then mandatory ones.
_SIGNATURE = re.compile(r"\s*(?P<star>s?)\s*(?P<option>o|O)?")
_ALIAS = re.compile(r"\s*=?\s*(?P<of>\\(?:[a-zA-Z@]+|[^a-zA-Z\s]))")
_STRUCTURAL = re.compile(
    r"(?<!\\)&|\\\\|\\tabularnewline|\\multi(?:column|row)|tabular|\\(?:begin|end)\s*\{(?:table|figure|abstract|longtable)"
    r"|\\(?:caption|title|abstract|section|subsection|subsubsection|chapter)\b"
)
# What the reader looks for itself, and classes redefine.
_LATEX_OWN = re.compile(
    r"\\(?:(?:sub){0,2}section|chapter|part|paragraph|caption|title|author|date|abstract|maketitle|thanks|footnote"
    r"|label|ref|cite[a-z]*|bibitem|item|and|keywords|include|input|documentclass|usepackage|[a-z]*begin|[a-z]*end)"
)
_LONGEST = 4000
_PASSES = 4
# Expansion may make a paper this many times longer, and no more: `\\def\\x{\\x\\x}` doubles for ever.
_GROWTH = 4


@dataclass(frozen=True)
class Macro:
    """`\\name` with `parameters` arguments, the first of them optional where it has a `default`."""

    name: str
    parameters: int
    default: str | None
    body: str

    @property
    def structural(self) -> bool:
        """Whether its body holds what shapes tables and sections, which the splitter must see."""
        return bool(_STRUCTURAL.search(self.body))

    @property
    def endless(self) -> bool:
        """Whether it names itself: authors wrap a command after `\\let`, and the converter, which reads no
        `\\let`, would follow it for ever."""
        return bool(re.search(re.escape(self.name) + r"(?![a-zA-Z@])", self.body))

    @property
    def definition(self) -> str:
        """The macro as a `\\newcommand`."""
        count = f"[{self.parameters}]" if self.parameters else ""
        default = "" if self.default is None else f"[{self.default}]"
        return f"\\newcommand{{{self.name}}}{count}{default}{{{self.body}}}\n"


def expand(text: str) -> tuple[str, dict[str, Macro]]:
    """The source without its definitions and with structural macros expanded, and the other macros by
    name."""
    text, macros = _collect(_CSNAME.sub(_named, text))
    structural = {name: m for name, m in macros.items() if m.structural}
    limit = _GROWTH * len(text) + 100_000
    for _ in range(_PASSES if structural else 0):
        longer = expand_once(text, structural)
        if longer == text or len(longer) > limit:
            break
        text = longer
    others = [m for name, m in macros.items() if name not in structural]
    inner = {
        _in_letters(m.name): replace(m, name=_in_letters(m.name), body=_in_letters(m.body)) for m in others
    }
    return _in_letters(text), inner


def _in_letters(text: str) -> str:
    """The text with LaTeX's inner commands in letters: to the converter an `@` ends a command's name."""
    return _INNER_NAME.sub(lambda m: m[0].replace("@", "AT"), text) if "@" in text else text


def commands_in(text: str) -> list[str]:
    """The names of all commands in a text, in order."""
    return _NAME.findall(text)


def macros_of(text: str) -> list[Macro]:
    """The macros that a text defines."""
    return list(_collect(text)[1].values())


def definitions_of(text: str) -> list[Macro]:
    """The macros that a package or class defines, without those that work on LaTeX's inner parts or redefine
    what this reader looks for itself."""
    _, macros = _collect(_CSNAME.sub(_named, text))
    return [
        macro
        for name, macro in macros.items()
        if not name.startswith("\\begin") and not name.startswith("\\end")
        if "@" not in name + macro.body and not _LATEX_OWN.fullmatch(name)
    ]


def _named(match: re.Match[str]) -> str:
    """The command that a `\\csname` names, in letters."""
    letters = re.sub(r"[^a-zA-Z@]", lambda m: f"csname{chr(97 + ord(m[0]) % 26)}", match["name"].strip())
    return f"{match['how'] or ''}\\{letters}" + ("" if match["how"] else "{}")


def _collect(text: str) -> tuple[str, dict[str, Macro]]:
    kept = []
    macros: dict[str, Macro] = {}
    aliases: set[str] = set()
    at = 0
    for match in re.finditer(f"{_DEFINITION.pattern}|(?P<env>{_ENVIRONMENT.pattern})", text):
        if match.start() < at:
            continue
        read = (
            _environment(text, match.end()) if match["env"] else _definition(text, match.end(), match["how"])
        )
        if read is None:
            continue
        new, end = read
        kept.append(text[at : match.start()])
        at = end
        for macro in new:
            if match["how"] == "let":
                meant = macros.get(macro.body)
                aliases.add("" if meant else macro.body)
                _keep(replace(meant, name=macro.name) if meant else macro, macros)
            elif (
                macro.name not in aliases
            ):  # else a command in a new style, under whose name the old one lives on
                _keep(macro, macros)
    return "".join([*kept, text[at:]]), _without_cycles(macros)


def _keep(macro: Macro, macros: dict[str, Macro]) -> None:
    """Take a macro, unless the converter had better not know it: a heading in another style is still one, and
    a full stop that looks whether one follows ("et al.") is left out."""
    if "\\futurelet" in macro.body:
        macro = replace(macro, body="")
    if len(macro.body) <= _LONGEST and not macro.endless and "@startsection" not in macro.body:
        macros[macro.name] = macro


def _without_cycles(macros: dict[str, Macro]) -> dict[str, Macro]:
    """The macros without those that lead back to themselves through others: the converter would follow them
    for ever."""
    uses = {name: set(commands_in(macro.body)) & macros.keys() for name, macro in macros.items()}
    sorter = TopologicalSorter(uses)
    with suppress(CycleError):  # all that is in no cycle, and leads into none, is still sorted
        sorter.prepare()
    ends: set[str] = set()
    while ready := sorter.get_ready():
        ends.update(ready)
        sorter.done(*ready)
    return {name: macro for name, macro in macros.items() if name in ends}


def _definition(text: str, at: int, how: str) -> tuple[list[Macro], int] | None:
    braced = text[at : at + 1] == "{"
    name = _NAME.match(text, at + braced)
    if name is None:
        return None
    at = name.end()
    while braced and at < len(text) and text[at] in " }":
        at += 1
        if text[at - 1] == "}":
            break
    if how == "let":
        alias = _ALIAS.match(text, at)
        return ([Macro(name[0], 0, None, alias["of"])], alias.end()) if alias else None
    if how.endswith("DocumentCommand"):
        return _document_command(text, at, name[0])
    if how.endswith("def"):
        parameters = _DEF_PARAMETERS.match(text, at)
        if parameters is None:  # a delimited macro: the converter would read it as wrongly as we
            return None
        end = group_end(text, parameters.end())
        count = parameters[0].count("#")
        default = None
        body = text[parameters.end() + 1 : end - 1] if end else ""
    else:
        given, at = option(text, at)
        default, at = option(text, at)
        count = int(given) if given and given.strip().isdigit() else 0
        read = argument(text, at)
        body, end = read if read else ("", None)
        if how == "DeclareMathOperator":
            body = f"\\operatorname{{{body}}}"
    return ([Macro(name[0], count, default, body)], end) if end else None


def _document_command(text: str, at: int, name: str) -> tuple[list[Macro], int] | None:
    """A command of `\\NewDocumentCommand`: an optional star, at most one option, then mandatory arguments."""
    read = arguments(text, at, 2)
    if read is None:
        return None
    (given, body), end = read
    signature = _SIGNATURE.match(given)
    rest = given[signature.end() :] if signature else given
    default = None
    if signature and signature["option"]:
        default = ""
        if signature["option"] == "O":
            one = argument(rest, 0)
            default, rest = (one[0], rest[one[1] :]) if one else ("", rest)
    mandatory = rest.split()
    if any(set(word) - {"m", "+", "v"} for word in mandatory):
        return None
    count = sum(word.count("m") + word.count("v") for word in mandatory) + (default is not None)
    if signature and signature["star"]:
        body = re.sub(r"#([1-9])", lambda m: "" if m[1] == "1" else f"#{int(m[1]) - 1}", body)
    return [Macro(name, count, default, body)], end


def _environment(text: str, at: int) -> tuple[list[Macro], int] | None:
    """`\\newenvironment` as two macros named as its `\\begin` and `\\end`."""
    name = argument(text, at)
    if name is None:
        return None
    given, at = option(text, name[1])
    default, at = option(text, at)
    read = arguments(text, at, 2)
    if read is None:
        return None
    (begin, end), at = read
    count = int(given) if given and given.strip().isdigit() else 0
    return [
        Macro(f"\\begin{{{name[0]}}}", count, default, begin),
        Macro(f"\\end{{{name[0]}}}", 0, None, end),
    ], at


def expand_once(text: str, macros: Mapping[str, Macro]) -> str:
    """The text with each macro that stands in it replaced by its body, but not those in the bodies."""
    if not macros:
        return text
    names = "|".join(re.escape(n) + (r"(?![a-zA-Z@])" if n[-1].isalpha() else "") for n in macros)
    kept = []
    at = 0
    for match in re.finditer(names, text):
        if match.start() < at:
            continue
        macro = macros[match[0]]
        end = match.end()
        values = []
        if macro.default is not None:
            value, end = option(text, end)
            values.append(macro.default if value is None else value)
        read = arguments(text, end, macro.parameters - len(values))
        if read is None:
            continue
        values = [*values, *read[0]]
        end = read[1]
        kept += [text[at : match.start()], _filled(macro.body, values)]
        at = end
    return "".join([*kept, text[at:]])


def _filled(body: str, values: list[str]) -> str:
    return re.sub(r"#([1-9])", lambda m: values[int(m[1]) - 1] if int(m[1]) <= len(values) else "", body)
