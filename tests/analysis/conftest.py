"""Results for the tests: two synthetic ones, and the real file that KERF_TEST_RESULT names."""

import os

import pytest
import synthetic

import kerf_analysis as kerf


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def one_user_path(folder):
    return synthetic.write(folder / "one-user.h5")


@pytest.fixture(scope="session")
def one_user(one_user_path):
    return kerf.open(one_user_path)


@pytest.fixture(scope="session")
def many_users(folder):
    return kerf.open(synthetic.write(folder / "many-users.h5", requests=40))


@pytest.fixture(scope="session")
def real_path():
    path = os.environ.get("KERF_TEST_RESULT")
    if not path:
        pytest.skip("KERF_TEST_RESULT names no result file")
    return path


@pytest.fixture(scope="session")
def sweep_path():
    """Of tests/support/sweep.yaml."""
    path = os.environ.get("KERF_TEST_SWEEP")
    if not path:
        pytest.skip("KERF_TEST_SWEEP names no sweep")
    return path


@pytest.fixture(scope="session", params=["one-user", "many-users", "real"])
def any_result(request):
    """Every result there is, so that what holds for all is tested on all."""
    if request.param == "real":
        return kerf.open(request.getfixturevalue("real_path"))
    return request.getfixturevalue(request.param.replace("-", "_"))
