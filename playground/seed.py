"""What a fresh playground has: Acme with its people and a partner's, and Beta as a second tenant."""

from collections.abc import Iterable

from playground.workspace.shapes import Channel, Team, User
from playground.workspace.state import DEFAULT_SCOPES, Command, Installation, SlackApp, State

ACME = "T0ACME"
BETA = "T0BETA"
PARTNER = "T0PARTNER"
"""A workspace without our app, whose people are in Acme's #help-desk (Slack Connect)."""


def new_app() -> SlackApp:
    """Our app before it is installed anywhere."""
    return SlackApp(
        "A0FPOST",
        "Fingerpost",
        "playground-signing-secret",
        "xapp-playground",
        commands=[
            Command("/why", "Why did Fingerpost point there?", "[message link | last]"),
            Command("/retrain", "Learn from the corrections so far", "[status | cancel | rollback]"),
            Command("/categories", "Show or change the categories", should_escape=True),
        ],
    )


def seed(state: State, channels: Iterable[str] = ()) -> None:
    """Fills the state.

    Args:
        state: an empty one.
        channels: further channels of Acme by name, such as a category's destination; the bot is in them.
    """
    _seed_acme(state, list(channels))
    _seed_beta(state)


def _seed_acme(state: State, names: list[str]) -> None:
    state.teams[ACME] = Team(ACME, "Acme", "acme")
    state.teams[PARTNER] = Team(PARTNER, "Partner", "partner")
    people = [
        User("U0ANNA", ACME, "anna", "Anna Admin", is_admin=True, is_owner=True),
        User("U0SAM", ACME, "sam", "Sam Support"),
        User("U0LENA", ACME, "lena", "Lena Larsen"),
        User("U0GUEST", ACME, "guest", "Gus Guest", is_restricted=True),
        User("U0STRANGER", PARTNER, "stranger", "Stella Stranger", is_stranger=True),
        # Slack leaves is_stranger out where the app sees a channel that they are in; flags are of their own.
        User("U0PARTNER", PARTNER, "partner", "Paul Partner", is_admin=True, is_owner=True),
        User("U0OTHERBOT", ACME, "otherbot", "Other Bot", bot_id="B0OTHER", app_id="A0OTHER"),
    ]
    _add_users(state, people)
    _install(state, ACME, "U0FPOST", "B0FPOST")
    everybody = [person.id for person in people]
    _add_channel(state, Channel("C0HELP", ACME, "help-desk", [*everybody, "U0FPOST"]))
    # Our bot is not in #random: nothing that is said there may reach it.
    _add_channel(state, Channel("C0RANDOM", ACME, "random", list(everybody)))
    for name in dict.fromkeys(name.removeprefix("#") for name in names):
        if name not in {"help-desk", "random"}:
            add_channel(state, ACME, name, ["U0ANNA", "U0SAM", "U0LENA", "U0FPOST"])


def _seed_beta(state: State) -> None:
    state.teams[BETA] = Team(BETA, "Beta", "beta")
    people = [
        User("U0BETTY", BETA, "betty", "Betty Boss", is_admin=True, is_owner=True),
        User("U0BEN", BETA, "ben", "Ben Berger"),
    ]
    _add_users(state, people)
    _install(state, BETA, "U0FPOSTBETA", "B0FPOSTBETA")
    _add_channel(state, Channel("C0BETAHELP", BETA, "help-desk", [*(p.id for p in people), "U0FPOSTBETA"]))


def add_channel(
    state: State, team_id: str, name: str, members: Iterable[str], *, private: bool = False
) -> Channel:
    """Adds a channel whose id can be read: `billing` becomes C0BILLING."""
    letters = "".join(char for char in name.upper() if char.isascii() and char.isalnum())
    channel_id = f"C0{letters}" if letters else state.ids.new("C")
    if channel_id in state.channels:
        channel_id = state.ids.new("C")
    channel = Channel(channel_id, team_id, name, list(members), is_private=private)
    _add_channel(state, channel)
    return channel


def _add_users(state: State, users: Iterable[User]) -> None:
    for user in users:
        state.users[user.id] = user


def _add_channel(state: State, channel: Channel) -> None:
    state.channels[channel.id] = channel


def _install(state: State, team_id: str, user_id: str, bot_id: str) -> None:
    bot = User(user_id, team_id, "fingerpost", "Fingerpost", bot_id=bot_id, app_id=state.app.id)
    state.users[user_id] = bot
    state.app.installations[team_id] = Installation(
        team_id, user_id, bot_id, f"xoxb-playground-{team_id}", set(DEFAULT_SCOPES)
    )
