"""A ticket's history keeps apart what the model said, what people said and what they left unsaid."""

from datetime import timedelta

from storage.feedback.provenance import Said, provenance
from storage.models import LabelKind, LabelRole, LabelSource, TicketState
from tests.factories.rows import LENA, NOW, label, prediction_row, ticket


def whats(facts):
    return [fact.what for fact in facts]


def test_a_routed_ticket_that_nobody_spoke_of_is_silence_and_no_confirmation():
    row = prediction_row(created_at=NOW + timedelta(seconds=1))
    facts = provenance(ticket(category="login"), [row], [])
    assert whats(facts) == [Said.PREDICTION, Said.SILENCE]
    assert facts[0].model_version == row.model_version
    assert (facts[1].category, facts[1].user_id, facts[1].at) == ("login", None, row.created_at)


def test_an_asked_ticket_without_an_answer_is_a_prediction_alone():
    assert whats(provenance(ticket(TicketState.ASKED), [prediction_row()], [])) == [Said.PREDICTION]


def test_each_kind_of_label_is_told_with_person_role_time_and_surface():
    labels = [
        label("login", minutes=1, kind=LabelKind.CONFIRMATION, source=LabelSource.BUTTON),
        label("billing", minutes=2),
        label(None, minutes=3, kind=LabelKind.NONE_OF_THESE),
        label("vpn", "import", minutes=4, kind=LabelKind.IMPORTED, role=LabelRole.IMPORT),
    ]
    facts = provenance(ticket(), [prediction_row()], labels)
    assert whats(facts) == [
        Said.PREDICTION,
        Said.CONFIRMATION,
        Said.CORRECTION,
        Said.NONE_OF_THESE,
        Said.IMPORT,
    ]
    first = facts[1]
    assert (first.user_id, first.role, first.source) == (LENA, LabelRole.STAFF, LabelSource.BUTTON)
    assert (first.label_id, first.at) == (labels[0].id, labels[0].created_at)


def test_a_withdrawn_label_is_told_as_withdrawn_and_breaks_the_silence():
    gone = label("billing", withdrawn_at=NOW + timedelta(minutes=9))
    facts = provenance(ticket(), [], [gone])
    assert whats(facts) == [Said.CORRECTION]
    assert facts[0].withdrawn_at == gone.withdrawn_at
