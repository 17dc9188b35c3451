"""An echo bot on slack_bolt: echo_bolt.py <url> <app token> <bot token>."""

import logging
import sys

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.web import WebClient

logging.basicConfig(level=logging.INFO)
url, app_token, token = sys.argv[1:]
app = App(client=WebClient(token=token, base_url=f"{url}/api/"))


@app.event("app_mention")
def echo(event, say, client) -> None:
    words = event["text"].split("> ", 1)[1]
    answer = say(text="…", thread_ts=event["ts"])
    client.chat_update(channel=event["channel"], ts=answer["ts"], text=f"done {words}")
    client.files_upload_v2(
        channel=event["channel"], thread_ts=event["ts"], filename="notes.txt", content="milk", initial_comment="notes"
    )


@app.event("message")
def overhear() -> None:
    pass


SocketModeHandler(app, app_token).start()
