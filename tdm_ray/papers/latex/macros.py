"""An author's own macros: those that shape tables and sections are expanded, others are kept.

A macro that hides an `&`, a row's end, `\\multicolumn`, a float or a section must be gone before the source
is split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tdm_ray.papers.latex.tex import argument, arguments, group_end, option

_DEFINITION = re.compile(
    r"\\(?P<how>(?:re|provide)?newcommand|renewcommand|providecommand|DeclareRobustCommand|newrobustcmd"
    r"|DeclareMathOperator|def|gdef|edef|newcommandx)\s*\*?\s*"
)
_ENVIRONMENT = re.compile(r"\\(?:re)?newenvironment\s*\*?\s*")
_NAME = re.compile(r"\\(?:[a-zA-Z@]+|[^a-zA-Z\s])")
_DEF_PARAMETERS = re.compile(r"(?:#\d)*(?=\{)")
_STRUCTURAL = re.compile(
    r"(?<!\\)&|\\\\|\\tabularnewline|\\multi(?:column|row)|tabular|\\(?:begin|end)\s*\{(?:table|figure|abstract|longtable)"
    r"|\\(?:caption|title|abstract|section|subsection|subsubsection|chapter)\b"
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
    text, macros = _collect(text)
    structural = {name: m for name, m in macros.items() if m.structural}
    limit = _GROWTH * len(text) + 100_000
    for _ in range(_PASSES if structural else 0):
        longer = _expand_once(text, structural)
        if longer == text or len(longer) > limit:
            break
        text = longer
    return text, {name: m for name, m in macros.items() if name not in structural}


def _collect(text: str) -> tuple[str, dict[str, Macro]]:
    kept = []
    macros = {}
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
        macros.update({m.name: m for m in new if len(m.body) <= _LONGEST and not m.endless})
    return "".join([*kept, text[at:]]), macros


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
    if how in ("def", "gdef", "edef"):
        parameters = _DEF_PARAMETERS.match(text, at)
        if parameters is None:  # a delimited macro: the converter would read it as wrongly as we
            return None
        end = group_end(text, parameters.end())
        count = len(parameters[0]) // 2
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


def _expand_once(text: str, macros: Mapping[str, Macro]) -> str:
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
