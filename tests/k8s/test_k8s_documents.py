"""YAML is read as kubectl writes it."""

from tests.k8s.documents import documents


def test_a_bare_equals_sign_is_a_text() -> None:
    assert documents("matchType: =\n---\n---\na: '='\n") == [{"matchType": "="}, {"a": "="}]
