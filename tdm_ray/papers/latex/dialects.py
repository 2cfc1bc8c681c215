"""Tables of other packages become a `tabular` in a `table` with a `\\caption`.

Read are ctable, AASTeX's deluxetable, supertabular (its heads stand before it), longtable (its heads and
feet are repeated), the caption of longtblr, `\\tabular ... \\endtabular`, an `array` in a table float, and
panels with their captions: `\\subfloat`, `\\subcaptionbox`, `\\ttabbox`. See the packages' manuals on
https://ctan.org."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tdm_ray.papers.latex.tex import Environment, argument, arguments, environments, option, options

_KEY_CAPTION = re.compile(r"(?<![a-z])caption\s*=\s*(?=\{)")
_PANEL = re.compile(
    r"\\(?P<name>subfloat|subfigure|subtable|subcaptionbox|ttabbox|capbtabbox)(?![a-zA-Z])\*?"
)
_CTABLE = re.compile(r"\\ctable(?![a-zA-Z])")
_CTABLE_RULES = (
    (re.compile(r"\\FL(?![a-zA-Z])(?:\[[^\]]{0,40}\])?"), r"\\toprule "),
    (re.compile(r"\\(?:ML|TL)(?![a-zA-Z])(?:\[[^\]]{0,40}\])?"), r"\\\\ \\midrule "),
    (re.compile(r"\\LL(?![a-zA-Z])(?:\[[^\]]{0,40}\])?"), r"\\\\ \\bottomrule "),
    (re.compile(r"\\NN(?![a-zA-Z])(?:\[[^\]]{0,40}\])?"), r"\\\\ "),
    (re.compile(r"\\tmark(?![a-zA-Z])(?:\[[^\]]{0,40}\])?"), ""),
)
_DELUXE_HEAD = re.compile(r"\\tablehead\s*(?=\{)")
_DELUXE_CAPTION = re.compile(r"\\tablecaption\s*(?=\{)")
_DELUXE_DATA = re.compile(r"\\startdata(?![a-zA-Z])(?P<data>.*?)(?:\\enddata(?![a-zA-Z])|$)", re.DOTALL)
_SUPER = re.compile(
    r"\\(?P<name>table(?:first)?head|table(?:last)?tail)\s*(?=\{)"
    r"|\\begin\s*\{(?P<begin>(?:mp)?supertabular\*?|xtabular\*?|mpxtabular)\}"
)
_LONG_PARTS = re.compile(r"\\(?P<part>endfirsthead|endhead|endfoot|endlastfoot)(?![a-zA-Z])")
_PRIMITIVE = re.compile(r"\\(?P<end>end)?tabular(?![a-zA-Z])")
_TABLE_FLOATS = ("table", "table*", "wraptable", "sidewaystable")
_ARRAY = re.compile(r"\\(begin|end)\s*\{array\}")
_MATHS = re.compile(r"\$\$|\\\[|\\\]|\\(?:begin|end)\s*\{(?:equation|displaymath|math)\*?\}")


def in_plain_tables(text: str) -> str:
    """The source with the tables of other packages as plain ones."""
    for mark, rewrite in _REWRITES:
        if mark in text:
            text = rewrite(text)
    return text


def _replaced(
    text: str, pattern: re.Pattern[str], new: Callable[[str, re.Match[str]], tuple[str, int] | None]
) -> str:
    """The text with what begins with a match replaced: `new` gives the replacement and where what it replaces
    ends, or None to leave it."""
    kept = []
    at = 0
    for match in pattern.finditer(text):
        found = new(text, match) if match.start() >= at else None
        if found:
            kept += [text[at : match.start()], found[0]]
            at = found[1]
    return "".join([*kept, text[at:]])


def _environments_replaced(
    text: str, names: Iterable[str], new: Callable[[str, Environment], str | None]
) -> str:
    """The text with the environments of these names replaced by what `new` makes of each; None leaves one."""
    kept = []
    at = 0
    for environment in environments(text, names):
        found = new(text, environment)
        if found is not None:
            kept += [text[at : environment.start], found]
            at = environment.end
    return "".join([*kept, text[at:]])


def _with_body(text: str, environment: Environment, body: str) -> str:
    begin, end = text[environment.start : environment.inside], text[environment.outside : environment.end]
    return f"{begin}{body}{end}"


def _ctables(text: str) -> str:
    return _replaced(text, _CTABLE, _ctable)


def _ctable(text: str, match: re.Match[str]) -> tuple[str, int] | None:
    given, at = option(text, match.end())
    read = arguments(text, at, 3)
    if read is None:
        return None
    (columns, _, body), end = read
    for pattern, plain in _CTABLE_RULES:
        body = pattern.sub(plain, body)
    return _float(_caption_in(given or ""), columns, body), end


def _caption_in(given: str) -> str:
    key = _KEY_CAPTION.search(given)
    read = argument(given, key.end()) if key else None
    return read[0] if read else ""


def _float(caption: str, columns: str, body: str) -> str:
    table = f"\\begin{{tabular}}{{{columns}}}{body}\\end{{tabular}}"
    return f"\\begin{{table}}\\caption{{{caption}}}{table}\\end{{table}}"


def _deluxe_tables(text: str) -> str:
    return _environments_replaced(text, ("deluxetable", "deluxetable*"), _deluxe_table)


def _deluxe_table(text: str, environment: Environment) -> str | None:
    body = environment.body(text)
    columns = argument(body, options(body, 0))
    data = _DELUXE_DATA.search(body)
    if columns is None or data is None:
        return None
    rows = f"\\toprule {_argument_after(_DELUXE_HEAD, body)} \\\\ \\midrule {data['data']}"
    return _float(_argument_after(_DELUXE_CAPTION, body), columns[0], rows).replace("\\nodata", "--")


def _argument_after(command: re.Pattern[str], text: str) -> str:
    match = command.search(text)
    read = argument(text, match.end()) if match else None
    return read[0] if read else ""


def _super_heads(text: str) -> str:
    """The heads of supertabulars moved into them."""
    heads: dict[str, str] = {}

    def moved(text: str, match: re.Match[str]) -> tuple[str, int] | None:
        if match["name"]:
            read = argument(text, match.end())
            if read:
                heads[match["name"]] = read[0]
            return ("", read[1]) if read else None
        head = heads.get("tablefirsthead") or heads.get("tablehead", "")
        columns = arguments(text, options(text, match.end()), 2 if match["begin"].endswith("*") else 1)
        return (f"{text[match.start() : columns[1]]}{head}", columns[1]) if columns else None

    return _replaced(text, _SUPER, moved)


def _long_tables(text: str) -> str:
    return _environments_replaced(text, ("longtable", "longtable*", "longtabu", "xltabular"), _long_table)


def _long_table(text: str, environment: Environment) -> str | None:
    """The longtable with one head and without the feet of its pages."""
    body = environment.body(text)
    marks = list(_LONG_PARTS.finditer(body))
    if not marks:
        return None
    starts = [0, *(mark.end() for mark in marks)]
    parts = {mark["part"]: body[start : mark.start()] for start, mark in zip(starts, marks, strict=False)}
    # The columns and the caption stand before the first head.
    head = parts.get("endfirsthead") or parts.get("endhead", "")
    columns = "" if body.startswith(head) else _columns(body[: marks[0].start()])
    return _with_body(text, environment, f"{columns}{head}{body[starts[-1] :]}")


def _columns(body: str) -> str:
    read = argument(body, options(body, 0))
    return body[: read[1]] if read else ""


def _long_captions(text: str) -> str:
    return _environments_replaced(text, ("longtblr", "talltblr"), _long_caption)


def _long_caption(text: str, environment: Environment) -> str | None:
    """The longtblr in a float, with the caption of its options as a command."""
    caption = _caption_in(option(text, environment.inside)[0] or "")
    table = text[environment.start : environment.end]
    return f"\\begin{{table}}\\caption{{{caption}}}{table}\\end{{table}}" if caption else None


def _panels(text: str) -> str:
    return _replaced(text, _PANEL, _panel)


def _panel(text: str, match: re.Match[str]) -> tuple[str, int] | None:
    given, at = option(text, match.end())
    read = argument(text, at)
    if read is None or text[at : at + 1].strip() not in ("", "{"):
        return None
    caption, body, end = given or "", read[0], read[1]
    if match["name"] in ("subcaptionbox", "ttabbox", "capbtabbox"):
        after = argument(text, options(text, end))
        if after is None:
            return None
        caption, body = (after[0], body) if _holds_table(body) else (body, after[0])
        end = after[1]
    if not _holds_table(body):
        return None
    titled = caption if "\\caption" in caption else f"\\caption{{{caption}}}" if caption else ""
    return f"\\begin{{subtable}}{titled}{body}\\end{{subtable}}", end


def _holds_table(text: str) -> bool:
    return "{tabular" in text or "tblr}" in text


def _primitives(text: str) -> str:
    return _PRIMITIVE.sub(lambda m: f"\\{'end' if m['end'] else 'begin'}{{tabular}}", text)


def _arrays(text: str) -> str:
    return _environments_replaced(text, _TABLE_FLOATS, _float_of_array)


def _float_of_array(text: str, environment: Environment) -> str | None:
    """The table float with the arrays of maths that it holds as tabulars."""
    body = environment.body(text)
    if "{array}" not in body or "{tabular" in body:
        return None
    plain = _MATHS.sub(" ", _ARRAY.sub(lambda m: f"\\{m[1]}{{tabular}}", body))
    return _with_body(text, environment, plain)


_REWRITES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("\\tabular", _primitives),
    ("\\ctable", _ctables),
    ("{deluxetable", _deluxe_tables),
    ("\\tablehead", _super_heads),
    ("\\end", _long_tables),
    ("tblr}", _long_captions),
    ("\\sub", _panels),
    ("tabbox", _panels),
    ("{array}", _arrays),
)
