"""Pictures through the real service: published, stored once, fetched from the object store, shown."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path

from andon.ingest.pictures.shrink import for_model
from andon.store import Visitor, pictures
from support.patience import PATIENCE
from support.pictures import data_url, opened, picture
from support.service import Andon, log, ollama, running, until

PNG, JPEG = picture(size=(300, 200)), picture("JPEG", (2000, 1500))


def put(andon: Andon, name: str, data: bytes) -> None:
    """Put an object into the bucket ``shots`` as a producer would."""

    async def work() -> None:
        async with andon.client() as connection:
            store = await connection.jetstream(timeout=PATIENCE).create_object_store("shots")
            await store.put(name, data)

    asyncio.run(work())


def test_a_picture_sent_with_two_logs_is_stored_once_and_shown_with_both(tmp_path: Path) -> None:
    """And goes with the question, small enough for a model; metrics count one."""
    with running(tmp_path) as andon:
        andon.publish(
            *(log(f"Vision check failed at station {n}", context={"n": n, "images": [data_url(PNG)]}) for n in (4, 5))
        )
        until(lambda: andon.count("log_pictures") == 2, "both logs")
        assert andon.sql("SELECT media_type, width, height, size FROM pictures") == [("image/png", 300, 200, len(PNG))]
        assert andon.sql("SELECT max(length(context)) < 300 FROM agent_logs") == [(1,)]
        andon.until(lambda: "\nandon_pictures_stored_total 1.0\n" in andon.get("/metrics")[1], "the count of one")
        for log_id in ("1", "2"):
            shown = json.loads(andon.cli("show", log_id, "--json").stdout)
            assert [one["width"] for one in shown["pictures"]] == [300]
            assert shown["context"]["images"][0]["picture"] == f"sha256:{shown['pictures'][0]['sha256']}"
        with Visitor(andon.database) as visitor:
            assert opened(for_model(visitor.read(pictures.of_logs, [1], 9, data=True)[0]).data).size == (
                300,
                200,
            )


def test_an_object_that_a_log_names_is_fetched_also_when_it_comes_after_a_restart(tmp_path: Path) -> None:
    """The reference waits in the database; an address of the web is refused with its reason."""
    with running(tmp_path) as andon:
        images = [{"bucket": "shots", "object": "cam/1.jpg"}, "http://127.0.0.1/1.png"]
        andon.publish(log("Vision check failed", context={"images": images}))
        until(lambda: andon.sql("SELECT 1 FROM picture_fetches WHERE attempts > 0"), "a first try")
        assert andon.stop() == 0
        andon.start()
        put(andon, "cam/1.jpg", JPEG)
        until(lambda: andon.count("log_pictures") == 1, "the picture")
        assert andon.sql("SELECT data FROM pictures") == [(JPEG,)]
        shown = andon.cli("show", "1").stdout.decode()
        assert "JPEG, 2000×1500 pixels" in shown
        assert "images[1] not kept: is a web address" in " ".join(shown.split())
        assert andon.count("picture_fetches") == 0


def test_a_model_that_can_see_is_shown_the_picture_and_another_is_told_of_it(tmp_path: Path) -> None:
    """Sent inline and made small: no address leaves the site."""
    for sees in ("yes", "no"):
        place = tmp_path / sees
        place.mkdir()
        settings = {"PROVIDER": "OLLAMA", "ANDON_MODEL_IMAGES": sees}
        with ollama(place) as model, running(place, OLLAMA_HOST=model.url, **settings) as andon:
            andon.publish(log("Vision check failed", context={"images": [data_url(JPEG)]}))
            until(lambda model=model: model.requests, "the question")
            prompt = model.requests[0]["prompt"]
        shown = re.findall(r"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)", prompt)
        assert [opened(base64.b64decode(one)).size for one in shown] == ([(1024, 768)] if sees == "yes" else [])
        assert ("a picture that you cannot see" in prompt) is (sees == "no")
