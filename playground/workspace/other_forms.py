"""Messages that nobody just typed: shared ones, mails to a channel, forms of a workflow."""

import time

from playground.workspace.shapes import JSON, Channel, File, Message, Team, User


def shared(team: Team, channel: Channel, message: Message, author: User) -> JSON:
    """The attachment of a message that shares another one: its text is nowhere else."""
    written = time.strftime("%B %d, %Y %I:%M %p", time.gmtime(float(message.ts)))
    text = str(message.body.get("text") or "")
    body: JSON = {
        "ts": message.ts,
        "channel_id": channel.id,
        "channel_team": team.id,
        "author_id": author.id,
        "author_name": author.real_name,
        "author_subname": author.real_name,
        "fallback": f"[{written}] {author.name}: {text}",
        "text": text,
        "from_url": f"https://{team.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}",
        "footer": "Slack Conversation",
        "color": "D0D0D0",
        "mrkdwn_in": ["text"],
        "is_msg_unfurl": True,
        "is_share": True,
        "id": 1,
    }
    if message.body.get("files"):
        body["files"] = message.body["files"]
    return body


def link_preview(url: str, title: str, text: str) -> JSON:
    """The attachment with which Slack unfurls a link, some time after the message."""
    return {
        "from_url": url,
        "original_url": url,
        "service_name": "example",
        "title": title,
        "title_link": url,
        "fallback": title,
        "text": text,
        "id": 1,
    }


def mail(file: File, subject: str, text: str, sender: str) -> JSON:
    """A mail that was sent to a channel's address; Slackbot posts it, and its text is in the file alone."""
    stored = file.to_slack() | {
        "name": subject,
        "title": subject,
        "mimetype": "text/html",
        "filetype": "email",
        "mode": "email",
        "user": "USLACKBOT",
        "display_as_bot": True,
        "subject": subject,
        "from": [{"address": sender, "name": sender, "original": sender}],
        "cc": [],
        "attachments": [],
        "original_attachment_count": 0,
        "plain_text": text,
        "preview_plain_text": text[:200],
        "has_more": False,
        "bot_id": "B0EMAIL",
    }
    return {
        "subtype": "file_share",
        "text": "",
        "files": [stored],
        "upload": True,
        "user": "USLACKBOT",
        "display_as_bot": True,
        "bot_id": "B0EMAIL",
    }


def workflow_form(team_id: str, bot_id: str, app_id: str, answers: JSON) -> JSON:
    """What a workflow posts when somebody has sent its form; there is no user."""
    lines = [f"*{question}*\n{answer}" for question, answer in answers.items()]
    section = {
        "type": "rich_text_section",
        "elements": [
            part
            for question, answer in answers.items()
            for part in (
                {"type": "text", "text": question, "style": {"bold": True}},
                {"type": "text", "text": f"\n{answer}\n"},
            )
        ],
    }
    return {
        "subtype": "bot_message",
        "text": "\n".join(lines),
        "username": "Requests",
        "bot_id": bot_id,
        "app_id": app_id,
        "bot_profile": {"id": bot_id, "app_id": app_id, "name": "Requests", "team_id": team_id},
        "blocks": [{"type": "rich_text", "block_id": "b0", "elements": [section]}],
    }
