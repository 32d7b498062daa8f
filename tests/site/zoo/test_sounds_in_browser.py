"""Sounds in a real browser: an AudioBuffer becomes the samples that a model takes."""

from collections.abc import Iterator

import numpy as np
import pytest
from browser import chromium, run_module
from graph_models import node
from loader_zoo import tensor
from selenium.webdriver.chrome.webdriver import WebDriver
from site_zoo import SiteZoo
from tfjs_runtime import write_model

from pipeline.publish.serve.zoo_server import serving

pytestmark = pytest.mark.network

RATE = 16000
# Half a second of a tone of 100 Hz; the right channel is silent.
TONE = """
  const {open} = await import('/zoo.js');
  const sound = new AudioBuffer({numberOfChannels: args[0], length: 24000, sampleRate: 48000});
  const tone = Float32Array.from({length: 24000}, (_, i) => Math.sin(2 * Math.PI * i / 480));
  sound.copyToChannel(tone, 0);
  const model = await (await open('/')).load('listen');
  return (await model.run(sound, {as: 'arrays'})).y[0];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Return a page with TensorFlow.js, served beside a zoo whose model returns what it hears."""
    zoo = SiteZoo(tmp_path_factory.mktemp("sounds") / "dist")
    source = write_model(
        zoo.folder.parent / "sources/listen",
        [node("y", "Identity", ["x"])],
        inputs={"x": ("float32", [1, RATE])},
        outputs={"y": "y:0"},
    )
    inputs = [tensor(0, "x", [1, RATE], sampleRate=RATE, range=[-1, 1])]
    zoo.add("listen", source, inputs=inputs, outputs=[tensor(0, "y", [1, RATE])])
    zoo.write()
    (zoo.folder / "empty.html").write_text('<script src="tfjs/4.22.0/tf.min.js"></script>')
    with serving(zoo.folder) as server, chromium() as driver:
        driver.get(f"{server.url}empty.html")
        yield driver


@pytest.mark.parametrize(("channels", "loudness"), [(1, 1.0), (2, 0.5)])
def test_a_sound_is_resampled_mixed_and_followed_by_silence(
    page: WebDriver, channels: int, loudness: float
) -> None:
    heard = np.array(run_module(page, TONE, channels))
    expected = loudness * np.sin(2 * np.pi * np.arange(RATE // 2) * 100 / RATE)

    assert heard.shape == (RATE,)
    np.testing.assert_allclose(heard[100 : RATE // 2 - 100], expected[100:-100], atol=0.02)
    assert np.abs(heard[RATE // 2 + 100 :]).max() == 0
