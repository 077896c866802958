"""The service restores with a network that the user adopted."""

from pathlib import Path

from tests.adoption import graphs
from tests.web.conftest import EXAMPLES, serving

from jpegmend.adoption import adopt
from jpegmend.cli import run


def test_an_adopted_network_gives_the_bytes_of_the_command(tmp_path: Path, user_models: Path) -> None:
    photo = EXAMPLES / "edge.jpg"
    with serving(tmp_path / "jobs") as running, running.client() as client:
        assert "mine" not in {model["name"] for model in client.get("/v1/models").json()["models"]}
        adopt(graphs.write(tmp_path / "net.onnx", graphs.blur(2)), "mine", licence="CC-BY-NC-4.0")
        listed = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
        assert listed["mine"]["licence"] == "CC-BY-NC-4.0" and listed["mine"]["non_commercial"]
        assert not listed["mend-s"]["non_commercial"]
        answer = client.post("/v1/restore", params={"model": "mine"}, content=photo.read_bytes())
    assert answer.status_code == 200, answer.text
    assert run([str(photo), "--model", "mine", "--threads", "1", "-q", "-o", str(tmp_path / "out.png")]) == 0
    assert answer.content == (tmp_path / "out.png").read_bytes()
