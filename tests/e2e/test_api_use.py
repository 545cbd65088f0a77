"""What needs a whole service behind the API: its broker, and pages that hear of what other processes do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.api import Client
from support.service import Andon, running

NO_LOG = b"\xff\xfe no log"


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service that got one message it cannot understand."""
    with running(tmp_path_factory.mktemp("api")) as andon:
        andon.publish(NO_LOG)
        yield andon


def test_a_reject_is_published_again(andon: Andon) -> None:
    """Byte for byte, by the service's own connection; what is still not understood is a new one, and marked is the old."""
    api = Client(andon.http_port)
    (first,) = andon.until(lambda: api("/api/rejects").json["items"], "the reject")
    assert api.post("/api/rejects/retry", {"ids": [first["id"], 999]}).status == 404
    assert api.post(f"/api/rejects/{first['id']}/retry", {"by": "Meier"}).json == {"retried": 1}
    (second,) = andon.until(
        lambda: [one for one in api("/api/rejects").json["items"] if one["id"] != first["id"]], "the new reject"
    )
    assert [one["id"] for one in api("/api/rejects").json["items"]] == [second["id"]]
    assert (second["text"], second["size"]) == (first["text"], len(NO_LOG))
    (deed,) = api("/api/audit", action="rejects.").json["items"]
    assert (deed["actor"], deed["subject"]) == ("Meier", f"reject {first['id']}")
    api.close()


def test_the_system_and_a_question(andon: Andon) -> None:
    """What only a service knows of itself; without a model the answer is what the database holds."""
    api = Client(andon.http_port)
    state = api("/api/system").json
    assert (state["ready"], state["broker"]["connected"], state["stream"]["name"]) == (True, True, "AGENT_STREAM")
    answer = api.post("/api/ask", {"question": "what happened in the last hour?"}).json
    assert (answer["mode"], answer["cited"]) == ("none", [])
    assert answer["text"]
    api.close()


def test_a_note_from_a_terminal_is_heard_of(andon: Andon) -> None:
    """A stream that is open says more than the time once another process wrote something: the shift's page shows it."""
    stream = Client(andon.http_port)
    stream._connection.request("GET", "/live/shift", headers={"Accept": "text/event-stream"})
    response = stream._connection.getresponse()
    assert response.status == 200
    done = andon.cli("note", "Press 4 at 80 %", "--by", "Terminal")
    assert done.returncode == 0
    for line in response:
        if b"Terminal" in line:
            break
    else:
        pytest.fail("the stream ended without the note")
    stream.close()
