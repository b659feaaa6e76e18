"""The model that answers from the first minute: the embedded encoder and the starter pack."""

from bot.app.compose import ensure_first_model, starter
from classifier.evaluation.measure import evaluate
from classifier.model.base_models import EMBEDDED_SHA256
from classifier.model.directory import load_model_directory
from classifier.model.registry import Registry


def test_the_embedded_encoder_learns_the_starter_pack_in_seconds_on_day_one(first_models):
    registry = Registry(first_models)
    model = load_model_directory(registry.active_path())
    report = evaluate(model, starter().held_out)
    assert report.accuracy > 0.6  # a fifteenth would be chance
    assert report.top3 > 0.85
    assert model.facts.base_sha256 == EMBEDDED_SHA256


def test_where_a_model_is_active_none_is_fitted(first_models):
    registry = Registry(first_models)
    before = registry.list()
    ensure_first_model(registry, None)
    assert registry.list() == before
