"""Fixtures: the objects of each overlay."""

import pytest

from tests.k8s.manifests import OVERLAYS, Manifests, build_overlay


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Manifests:
    return build_overlay(request.param)
