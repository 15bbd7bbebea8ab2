"""Parser of Go's text/template; it checks the grammar and executes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from slos.schema.golang.template_lexer import TemplateError, Token, TokenKind, scan_actions

# Go 1.19, text/template/funcs.go.
_GO_FUNCTIONS = frozenset(
    (
        *("and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not"),
        *("or", "print", "printf", "println", "slice", "urlquery"),
    )
)
# Prometheus 2.42, template/template.go, and those that 3.x adds.
_PROMETHEUS_FUNCTIONS = frozenset(
    (
        *("args", "externalURL", "first", "graphLink", "humanize", "humanize1024"),
        *("humanizeDuration", "humanizePercentage", "humanizeTimestamp", "label", "match"),
        *("parseDuration", "pathPrefix", "query", "reReplaceAll", "safeHtml", "sortByLabel"),
        *("stripDomain", "stripPort", "strvalue", "tableLink", "title", "toLower", "toTime"),
        *("toUpper", "value"),
    )
)
FUNCTIONS = _GO_FUNCTIONS | _PROMETHEUS_FUNCTIONS
# The variables that Prometheus declares before every template.
VARIABLES = ("$", "$labels", "$externalLabels", "$externalURL", "$value")

_CONSTANTS = {"true", "false", "nil"}
_BLOCKS = {"if", "range", "with", "block", "define"}
_KEYWORDS = {*_BLOCKS, "break", "continue", "else", "end", "template"}
# A command after `|` gets an argument, so it must be callable.
_NOT_CALLABLE = {TokenKind.STRING, TokenKind.NUMBER, TokenKind.DOT}
_NO_TOKEN = Token(TokenKind.END_OF_ACTION, "}}")
_MAX_RANGE_VARIABLES = 2
# Each level of brackets is a call on the stack.
_MAX_BRACKETS = 100


def check_go_template(template: str) -> None:
    """Check that Prometheus can parse a text as the template of a label or annotation.

    Raises:
        TemplateError: it cannot; the message has the reason.
    """
    parser = _Parser()
    for tokens in scan_actions(template):
        parser.parse_action(tokens)
    if parser.blocks:
        keyword = parser.blocks[-1].keyword
        raise TemplateError(f"{{{{ {keyword} }}}} has no {{{{ end }}}}")


@dataclass(slots=True)
class _Block:
    """An open block: its keyword, the variables declared before it, whether it had an `else`."""

    keyword: str
    variables: list[str]
    had_else: bool = False


@dataclass(slots=True)
class _Parser:
    """Parser of the actions of a template, with the open blocks and declared variables."""

    blocks: list[_Block] = field(default_factory=list)
    variables: list[str] = field(default_factory=lambda: list(VARIABLES))
    tokens: list[Token] = field(default_factory=list)

    def parse_action(self, tokens: list[Token]) -> None:
        if sum(token.kind is TokenKind.OPEN for token in tokens) > _MAX_BRACKETS:
            raise TemplateError("too many nested parentheses in an action")
        self.tokens = tokens[::-1]
        first = self._peek_token()
        if first.kind is not TokenKind.WORD or first.text not in _KEYWORDS:
            self._parse_pipeline(TokenKind.END_OF_ACTION)
            return
        self._next_token()
        match first.text:
            case "end":
                self._close_block()
            case "else":
                self._parse_else()
            case "break" | "continue":
                self._check_loop_exit(first.text)
            case "template":
                self._expect_name(first.text)
                if self._peek_token().kind is not TokenKind.END_OF_ACTION:
                    self._parse_pipeline(TokenKind.END_OF_ACTION)
            case word:
                self._open_block(word)

    def _open_block(self, keyword: str) -> None:
        if keyword == "define" and self.blocks:
            raise TemplateError("{{ define }} inside another block")
        block = _Block(keyword, list(self.variables))
        if keyword in ("define", "block"):
            self._expect_name(keyword)
        if keyword == "define":
            self._expect_action_end(keyword)
        else:
            self._parse_pipeline(
                TokenKind.END_OF_ACTION,
                max_variables=_MAX_RANGE_VARIABLES if keyword == "range" else 1,
            )
        if keyword in ("define", "block"):
            # A separate template, without the variables of this one.
            self.variables = ["$"]
        self.blocks.append(block)

    def _close_block(self) -> None:
        self._expect_action_end("end")
        if not self.blocks:
            raise TemplateError("unexpected {{ end }}")
        self.variables = self.blocks.pop().variables

    def _parse_else(self) -> None:
        block = self.blocks[-1] if self.blocks else None
        if block is None or block.keyword in ("define", "block") or block.had_else:
            raise TemplateError("unexpected {{ else }}")
        following = self._peek_token()
        if following.kind is TokenKind.WORD and following.text == "if" and block.keyword == "if":
            self._next_token()
            self._parse_pipeline(TokenKind.END_OF_ACTION)
            return
        self._expect_action_end("else")
        block.had_else = True

    def _check_loop_exit(self, keyword: str) -> None:
        if not any(
            block.keyword == "range" and not block.had_else
            for block in self._list_template_blocks()
        ):
            raise TemplateError(f"{{{{ {keyword} }}}} outside of {{{{ range }}}}")
        self._expect_action_end(keyword)

    def _list_template_blocks(self) -> Iterator[_Block]:
        """Iterate over the open blocks of the innermost template, innermost first."""
        return takewhile(lambda block: block.keyword not in ("define", "block"), self.blocks[::-1])

    def _parse_pipeline(self, end: TokenKind, *, max_variables: int = 1) -> None:
        self._parse_declarations(max_variables)
        commands = 0
        while True:
            first = self._peek_token()
            if commands and first.kind in _NOT_CALLABLE | {
                TokenKind.END_OF_ACTION,
                TokenKind.CLOSE,
            }:
                raise TemplateError(f"{first.text!r} after '|' is not a function")
            if commands and first.text in _CONSTANTS:
                raise TemplateError(f"{first.text!r} after '|' is not a function")
            self._parse_command()
            commands += 1
            last = self._next_token()
            if last.kind is end:
                return
            if last.kind is not TokenKind.PIPE:
                raise TemplateError(f"unexpected {last.text!r} in an action")

    def _parse_declarations(self, max_variables: int) -> None:
        """Parse `$a :=`, or in a range `$i, $a :=`; without the `:=` nothing is declared."""
        saved_tokens = list(self.tokens)
        names: list[str] = []
        while len(names) < max_variables and self._peek_token().kind is TokenKind.VARIABLE:
            names.append(self._next_token().text)
            if self._peek_token().kind is TokenKind.DECLARE:
                self._next_token()
                self.variables += names
                return
            if self._peek_token().kind is not TokenKind.COMMA:
                break
            self._next_token()
        self.tokens = saved_tokens

    def _parse_command(self) -> None:
        operands = 0
        while True:
            following = self._peek_token()
            if following.kind in (TokenKind.PIPE, TokenKind.CLOSE, TokenKind.END_OF_ACTION):
                break
            self._parse_operand()
            operands += 1
            if self.tokens[-1].kind not in (
                TokenKind.SPACE,
                TokenKind.PIPE,
                TokenKind.CLOSE,
                TokenKind.END_OF_ACTION,
            ):
                raise TemplateError(f"missing space before {self.tokens[-1].text!r}")
        if not operands:
            raise TemplateError("empty action")

    def _parse_operand(self) -> None:
        term = self._next_token()
        match term.kind:
            case TokenKind.WORD:
                self._check_word(term.text)
            case TokenKind.VARIABLE if term.text not in self.variables:
                raise TemplateError(f"undefined variable {term.text}")
            case TokenKind.OPEN:
                self._parse_pipeline(TokenKind.CLOSE)
            case TokenKind.COMMA | TokenKind.DECLARE:
                raise TemplateError(f"unexpected {term.text!r}, expected a value")
        while self.tokens[-1].kind is TokenKind.FIELD:
            self.tokens.pop()
            if term.kind in _NOT_CALLABLE or term.text in _CONSTANTS:
                raise TemplateError(f"{term.text!r} has no fields")

    def _check_word(self, word: str) -> None:
        if word in _KEYWORDS:
            raise TemplateError(f"unexpected {word!r}, expected a value")
        if word not in FUNCTIONS | _CONSTANTS:
            raise TemplateError(f"unknown function {word}")

    def _expect_name(self, keyword: str) -> None:
        if self._next_token().kind is not TokenKind.STRING:
            raise TemplateError(
                f'{{{{ {keyword} }}}} needs a name in quotes, like {{{{ {keyword} "x" }}}}'
            )

    def _expect_action_end(self, keyword: str) -> None:
        if self._next_token().kind is not TokenKind.END_OF_ACTION:
            raise TemplateError(f"{{{{ {keyword} }}}} has too many arguments")

    def _peek_token(self) -> Token:
        """Return the next token that is not a space, without consuming it."""
        while self.tokens and self.tokens[-1].kind is TokenKind.SPACE:
            self.tokens.pop()
        return self.tokens[-1] if self.tokens else _NO_TOKEN

    def _next_token(self) -> Token:
        token = self._peek_token()
        return self.tokens.pop() if self.tokens else token
