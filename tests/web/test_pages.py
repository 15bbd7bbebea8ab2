"""Pages, JSON and badges of `slo-rules serve` over a real Prometheus."""

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jsonschema
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import HOSTILE, PERIOD


def read(url: str, status: int = 200) -> requests.Response:
    response = requests.get(url, timeout=30)
    assert response.status_code == status, response.text
    return response


def read_slos(pages: str, **query: str) -> list[dict[str, Any]]:
    slos: list[dict[str, Any]] = read(f"{pages}/api/v1/slos?{urlencode(query)}").json()["slos"]
    return slos


def read_slo(pages: str, **query: str) -> dict[str, Any]:
    document: dict[str, Any] = read(f"{pages}/api/v1/slo?{urlencode(query)}").json()
    return document


def test_what_is_wrong_comes_first(pages: str) -> None:
    slos = read_slos(pages)
    assert [(each["slo"], each["state"]) for each in slos[:2]] == [
        ("requests", "page"),
        ("uploads", "exhausted"),
    ]
    assert {each["state"] for each in slos[2:]} == {"ok"}
    text = read(pages).text
    places = [text.index(f">{each}</a>") for each in ("requests", "uploads", "search")]
    assert places == sorted(places)


def test_the_line_on_top_counts_and_names_what_is_not_recorded_any_more(pages: str) -> None:
    text = read(pages).text
    assert "2 of 6 SLOs need attention." in text
    assert "recorded within a day, but not now: media-gone" in text
    summary = read(f"{pages}/api/v1/slos").json()["summary"]
    assert summary["well"] is False
    assert summary["counts"] == {"page": 1, "exhausted": 1, "ok": 4}


def test_rules_of_sloth_are_shown_with_all_that_they_record(pages: str) -> None:
    (slo,) = read_slos(pages, q="bank-transfers")
    # A tenth of the budget of 1 % is spent at all times.
    assert (slo["objective"], slo["burn"]) == pytest.approx((0.99, 0.1), rel=0.01)
    assert slo["coverage"] is None
    assert slo["burn_history"] == pytest.approx([0.1] * 25, rel=0.01)
    document = read_slo(pages, id="bank-transfers", range="1d")
    assert document["charts"]["events"] == []
    spent = [each for each in document["charts"]["spent"][0]["values"] if each is not None]
    assert sum(spent) == pytest.approx(0.1 / PERIOD, rel=0.03)
    assert "count no events" in read(f"{pages}/slo?id=bank-transfers").text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "shop web"}, {"requests", "search"}),
        ({"label": "team=web"}, {"requests", "search"}),
        ({"service": "bank"}, {"transfers"}),
        ({"state": "page"}, {"requests"}),
        ({"state": "wrong"}, {"requests", "uploads"}),
        ({"q": "shoprequestserrors"}, {"requests"}),
        ({"q": "none of them"}, set()),
    ],
)
def test_the_overview_is_searched_and_filtered(
    pages: str, query: dict[str, str], expected: set[str]
) -> None:
    assert {each["slo"] for each in read_slos(pages, **query)} == expected
    shown = set(
        re.findall(r'scope="row"><a [^>]*>([^<]*)</a>', read(f"{pages}?{urlencode(query)}").text)
    )
    assert shown == expected


def test_the_overview_is_sorted(pages: str) -> None:
    budgets = [each["budget"] for each in read_slos(pages, sort="budget")]
    assert budgets == sorted(budgets)
    assert read_slos(pages, sort="burn")[0]["slo"] == "requests"


def test_the_page_of_an_slo_has_history_and_episodes(pages: str) -> None:
    document = read_slo(pages, id="shop-checkout", range="3d")
    (episode,) = document["episodes"]
    assert episode["end"] - episode["start"] == pytest.approx(3 * 3600, abs=400)
    # From half an hour after the outage of 3 hours began: 1 % of the events fail, of 0.1 %.
    assert episode["spent"] == pytest.approx(10 * 2.5 / (PERIOD * 24), rel=0.15)
    charts = document["charts"]
    good, bad = (each["values"] for each in charts["events"])
    shares = [b / (g + b) for g, b in zip(good, bad, strict=True) if g and b is not None]
    assert max(shares) == pytest.approx(0.01, rel=0.01)
    assert max(filter(None, charts["burn"][0]["values"])) == pytest.approx(10, rel=0.02)
    assert [each["label"] for each in charts["latency"]] == ["P50", "P95", "P99"]
    assert charts["latencyTarget"] == 0.3
    assert len(charts["times"]) == len(good) == len(charts["budget"][0]["values"])


def test_an_earlier_period_shows_the_values_of_its_end(pages: str) -> None:
    now = read_slo(pages, id="shop-requests", range="6h")
    then = read_slo(
        pages, id="shop-requests", range="6h", end=f"{now['range']['start'] - 3600:.0f}"
    )
    assert (now["slo"]["state"], then["slo"]["state"]) == ("page", "ok")
    assert then["slo"]["burn"] == pytest.approx(0.1, rel=0.01)
    assert then["range"]["end"] < now["range"]["start"]


def test_a_burn_down_starts_full_and_the_ideal_line_ends_empty(pages: str) -> None:
    charts = read_slo(pages, id="shop-checkout", range="period")["charts"]
    _, burn_down, ideal = (each["values"] for each in charts["budget"])
    assert burn_down[0] == pytest.approx(1, abs=0.01)
    assert burn_down[-1] == pytest.approx(1 - 10 * 3 / (PERIOD * 24) - 0.1, abs=0.05)
    assert (ideal[0], ideal[-1]) == pytest.approx((1, 0), abs=0.01)


def test_groups_are_listed_with_the_worst_first_and_each_has_a_page(pages: str) -> None:
    document = read_slo(pages, id="media-uploads")
    assert [each["group"] for each in document["groups"]] == [{"code": "a"}, {"code": "b"}]
    assert document["slo"]["group"] == {"code": "a"}
    other = read_slo(pages, id="media-uploads", group="code=b")
    assert other["slo"]["burn"] == pytest.approx(0.1, rel=0.01)
    burns = [value for value in other["charts"]["burn"][0]["values"] if value is not None]
    assert max(burns) == pytest.approx(0.1, rel=0.01)


def test_the_promise_and_the_alerts_are_in_words(pages: str) -> None:
    text = read(f"{pages}/slo?id=shop-checkout").text
    assert "of events have to be good over 3 days." in text
    assert "burn rate above 13.4 over 1h and 5m: 18.7" in text
    assert 'href="https://runbooks.example/ShopCheckout"' in text
    assert 'href="https://grafana.example/d/slo-detail?' in text


def test_hostile_names_and_labels_are_text(pages: str) -> None:
    slo = next(each for each in read_slos(pages) if "script" in each["slo"])
    query = parse_qs(urlsplit(slo["page"]).query)
    assert query["id"] == ["../&?#%2F-<script>alert(1)</script>"]
    for path in ("", slo["page"], f"{slo['page']}&end=%3Cscript%3E", "?q=%22%3E%3Cscript%3E"):
        text = requests.get(f"{pages}/{path}", timeout=30).text
        assert "<h1" in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert '"><script>' not in text
    assert read_slo(pages, id=query["id"][0])["slo"]["labels"] == {"evil": HOSTILE}


def test_pages_have_a_strict_policy_and_no_inline_code(pages: str) -> None:
    for path in ("/", "/slo?id=shop-requests", "/slo?id=none", "/none"):
        response = requests.get(f"{pages}{path}", timeout=30)
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in response.headers
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script>", response.text)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/slo", 400, "the parameter id is missing"),
        ("/slo?id=none", 404, "has no SLO"),
        ("/slo?id=shop-requests&source=x", 404, "there is no source"),
        ("/slo?id=shop-requests&end=x", 400, "is not a time"),
        ("/slo?id=shop-requests&range=2d", 400, "is not known; use one of 1h, 6h,"),
        ("/api/v1/slos?state=fine", 400, "use one of wrong, page, exhausted"),
        ("/slo?id=shop-requests&label=x", 400, "is not a label"),
        ("/slo?id=%ff", 400, "is not UTF-8"),
        ("/api/v1/slo?id=media-uploads&group=code%3Dz", 404, 'with the group {code=\\"z\\"}'),
        ("/api/v1/none", 404, "Not Found"),
        ("/static/..%2Fapp.py", 404, "there is no file"),
        ("/none", 404, "Not Found"),
    ],
)
def test_a_wrong_request_is_told_what_to_change(
    pages: str, path: str, status: int, text: str
) -> None:
    response = read(f"{pages}{path}", status)
    assert text in response.text
    if path.startswith("/api/"):
        assert set(response.json()) == {"error"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(pages: str, method: str) -> None:
    for path in ("/", "/slo", "/api/v1/slos", "/-/ready"):
        response = requests.request(method, f"{pages}{path}", timeout=30)
        assert (response.status_code, response.headers["Allow"]) == (405, "GET,HEAD")


def test_badges_show_budget_state_and_objective(pages: str) -> None:
    for show, text in (("", "budget "), ("state", "ok"), ("objective", "99.5"), ("burn", "0.08")):
        response = read(f"{pages}/badge.svg?id=shop-search&show={show}")
        assert response.headers["Content-Type"].startswith("image/svg+xml")
        assert text in response.text
    assert "not recorded" in read(f"{pages}/badge.svg?id=%3Cb%3E", 404).text


def test_health_readiness_and_metrics_are_served(pages: str) -> None:
    assert read(f"{pages}/-/healthy").text == "healthy\n"
    assert read(f"{pages}/-/ready").text == "ready\n"
    text = read(f"{pages}/metrics").text
    assert 'slo_rules_serve_requests_total{code="200",route="/-/healthy"} ' in text
    assert 'slo_rules_serve_queries_total{source="prometheus"} ' in text


def count_queries(pages: str) -> float:
    (line,) = re.findall(r"serve_queries_total\{.*\} (\S+)", read(f"{pages}/metrics").text)
    return float(line)


def test_a_page_sends_a_bounded_number_of_queries(pages: str) -> None:
    read(pages)
    before = count_queries(pages)
    for slo_id, most in (("shop-checkout", 11), ("bank-transfers", 11), ("media-uploads", 11)):
        read(f"{pages}/slo?id={slo_id}&range=1h")
        now = count_queries(pages)
        assert now - before <= most
        before = now


_TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["", "=", "shop-requests", "1h", "a=b"]))


def test_the_answers_are_those_of_the_openapi_document(pages: str) -> None:
    """Whatever the parameters are, the status and the body are what the document says."""
    document = read(f"{pages}/api/v1/openapi.json").json()
    session = requests.Session()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def check(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(document["paths"])))
        operation = document["paths"][path]["get"]
        parameters = operation["parameters"]
        query = [
            (each["name"], data.draw(st.sampled_from(["shop-requests", ""]) | _TEXTS))
            for each in parameters
            if data.draw(st.booleans())
        ]
        response = session.get(f"{pages}{path}", params=query, timeout=30)
        described = operation["responses"][str(response.status_code)]
        schema = described["content"]["application/json"]["schema"]
        jsonschema.validate(response.json(), {**schema, "components": document["components"]})

    check()
