"""Grammar of text/template."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from slos.schema.golang.template_lexer import Kind, TemplateError, Token, actions

# Go 1.19, text/template/funcs.go.
_OF_GO = frozenset(
    (
        *("and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not"),
        *("or", "print", "printf", "println", "slice", "urlquery"),
    )
)
# Prometheus 2.42, template/template.go, and those that 3.x adds.
_OF_PROMETHEUS = frozenset(
    (
        *("args", "externalURL", "first", "graphLink", "humanize", "humanize1024"),
        *("humanizeDuration", "humanizePercentage", "humanizeTimestamp", "label", "match"),
        *("parseDuration", "pathPrefix", "query", "reReplaceAll", "safeHtml", "sortByLabel"),
        *("stripDomain", "stripPort", "strvalue", "tableLink", "title", "toLower", "toTime"),
        *("toUpper", "value"),
    )
)
FUNCTIONS = _OF_GO | _OF_PROMETHEUS
# The variables that Prometheus declares before every template.
VARIABLES = ("$", "$labels", "$externalLabels", "$externalURL", "$value")

_CONSTANTS = {"true", "false", "nil"}
_BLOCKS = {"if", "range", "with", "block", "define"}
_KEYWORDS = {*_BLOCKS, "break", "continue", "else", "end", "template"}
# A command after `|` gets an argument, so it must be callable.
_NOT_CALLED = {Kind.STRING, Kind.NUMBER, Kind.DOT}
_NOTHING = Token(Kind.END_OF_ACTION, "}}")
_TWO_VARIABLES = 2
# Each level of brackets is a call on the stack.
_BRACKETS = 100


def check(template: str) -> None:
    """Check that Prometheus can parse a text as the template of a label or annotation.

    Raises:
        TemplateError: it cannot; the message has the reason.
    """
    reader = _Reader()
    for tokens in actions(template):
        reader.read(tokens)
    if reader.blocks:
        word = reader.blocks[-1].word
        raise TemplateError(f"{{{{ {word} }}}} has no {{{{ end }}}}")


@dataclass(slots=True)
class _Block:
    """An open block: its keyword, the variables declared before it, whether it had an `else`."""

    word: str
    variables: list[str]
    had_else: bool = False


@dataclass(slots=True)
class _Reader:
    """Parser of the actions of a template, with the open blocks and declared variables."""

    blocks: list[_Block] = field(default_factory=list)
    variables: list[str] = field(default_factory=lambda: list(VARIABLES))
    tokens: list[Token] = field(default_factory=list)

    def read(self, tokens: list[Token]) -> None:
        if sum(token.kind is Kind.OPEN for token in tokens) > _BRACKETS:
            raise TemplateError("a template action has more brackets than anybody can read")
        self.tokens = tokens[::-1]
        first = self._peek()
        if first.kind is not Kind.WORD or first.text not in _KEYWORDS:
            self._pipeline(Kind.END_OF_ACTION)
            return
        self._next()
        match first.text:
            case "end":
                self._close()
            case "else":
                self._else()
            case "break" | "continue":
                self._leave_loop(first.text)
            case "template":
                self._name(first.text)
                if self._peek().kind is not Kind.END_OF_ACTION:
                    self._pipeline(Kind.END_OF_ACTION)
            case word:
                self._open(word)

    def _open(self, word: str) -> None:
        if word == "define" and self.blocks:
            raise TemplateError("{{ define }} stands inside of another block")
        block = _Block(word, list(self.variables))
        if word in ("define", "block"):
            self._name(word)
        if word == "define":
            self._ends(word)
        else:
            self._pipeline(Kind.END_OF_ACTION, declares=_TWO_VARIABLES if word == "range" else 1)
        if word in ("define", "block"):
            # A separate template, without the variables of this one.
            self.variables = ["$"]
        self.blocks.append(block)

    def _close(self) -> None:
        self._ends("end")
        if not self.blocks:
            raise TemplateError("{{ end }} ends nothing")
        self.variables = self.blocks.pop().variables

    def _else(self) -> None:
        block = self.blocks[-1] if self.blocks else None
        if block is None or block.word in ("define", "block") or block.had_else:
            raise TemplateError("{{ else }} belongs to nothing")
        following = self._peek()
        if following.kind is Kind.WORD and following.text == "if" and block.word == "if":
            self._next()
            self._pipeline(Kind.END_OF_ACTION)
            return
        self._ends("else")
        block.had_else = True

    def _leave_loop(self, word: str) -> None:
        if not any(block.word == "range" and not block.had_else for block in self._of_template()):
            raise TemplateError(f"{{{{ {word} }}}} stands outside of {{{{ range }}}}")
        self._ends(word)

    def _of_template(self) -> Iterator[_Block]:
        """Iterate over the open blocks of the innermost template, innermost first."""
        return takewhile(lambda block: block.word not in ("define", "block"), self.blocks[::-1])

    def _pipeline(self, end: Kind, *, declares: int = 1) -> None:
        self._declarations(declares)
        commands = 0
        while True:
            first = self._peek()
            if commands and first.kind in _NOT_CALLED | {Kind.END_OF_ACTION, Kind.CLOSE}:
                raise TemplateError(f"behind '|' stands {first.text!r}, which cannot be called")
            if commands and first.text in _CONSTANTS:
                raise TemplateError(f"behind '|' stands {first.text!r}, which cannot be called")
            self._command()
            commands += 1
            last = self._next()
            if last.kind is end:
                return
            if last.kind is not Kind.PIPE:
                raise TemplateError(f"{last.text!r} stands where an action cannot have it")

    def _declarations(self, most: int) -> None:
        """Parse `$a :=`, or in a range `$i, $a :=`; without the `:=` nothing is declared."""
        kept = list(self.tokens)
        names: list[str] = []
        while len(names) < most and self._peek().kind is Kind.VARIABLE:
            names.append(self._next().text)
            if self._peek().kind is Kind.DECLARE:
                self._next()
                self.variables += names
                return
            if self._peek().kind is not Kind.COMMA:
                break
            self._next()
        self.tokens = kept

    def _command(self) -> None:
        operands = 0
        while True:
            following = self._peek()
            if following.kind in (Kind.PIPE, Kind.CLOSE, Kind.END_OF_ACTION):
                break
            self._operand()
            operands += 1
            if self.tokens[-1].kind not in (Kind.SPACE, Kind.PIPE, Kind.CLOSE, Kind.END_OF_ACTION):
                raise TemplateError(f"{self.tokens[-1].text!r} stands where a space should")
        if not operands:
            raise TemplateError("a template action says nothing")

    def _operand(self) -> None:
        term = self._next()
        match term.kind:
            case Kind.WORD:
                self._check_word(term.text)
            case Kind.VARIABLE if term.text not in self.variables:
                raise TemplateError(f"nothing is known of the variable {term.text}")
            case Kind.OPEN:
                self._pipeline(Kind.CLOSE)
            case Kind.COMMA | Kind.DECLARE:
                raise TemplateError(f"{term.text!r} stands where a value should")
        while self.tokens[-1].kind is Kind.FIELD:
            self.tokens.pop()
            if term.kind in _NOT_CALLED or term.text in _CONSTANTS:
                raise TemplateError(f"{term.text!r} has no fields")

    def _check_word(self, word: str) -> None:
        if word in _KEYWORDS:
            raise TemplateError(f"{word!r} stands where a value should")
        if word not in FUNCTIONS | _CONSTANTS:
            raise TemplateError(f"the action names {word}, which Prometheus does not know")

    def _name(self, word: str) -> None:
        if self._next().kind is not Kind.STRING:
            raise TemplateError(
                f'{{{{ {word} }}}} needs a name in quotes, like {{{{ {word} "x" }}}}'
            )

    def _ends(self, word: str) -> None:
        if self._next().kind is not Kind.END_OF_ACTION:
            raise TemplateError(f"{{{{ {word} }}}} takes nothing more")

    def _peek(self) -> Token:
        """Return the next token that is not a space, without consuming it."""
        while self.tokens and self.tokens[-1].kind is Kind.SPACE:
            self.tokens.pop()
        return self.tokens[-1] if self.tokens else _NOTHING

    def _next(self) -> Token:
        token = self._peek()
        return self.tokens.pop() if self.tokens else token
