"""An echo bot on slack_sdk alone: echo_sdk.py <url> <app token> <bot token>."""

import logging
import sys
from threading import Event

from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient


def echo(client: SocketModeClient, request: SocketModeRequest) -> None:
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
    event = request.payload.get("event", {})
    if event.get("type") != "app_mention":
        return
    web, channel, thread = client.web_client, event["channel"], event["ts"]
    words = event["text"].split("> ", 1)[1]
    answer = web.chat_postMessage(channel=channel, thread_ts=thread, text="…")
    web.chat_update(channel=channel, ts=answer["ts"], text=f"done {words}")
    web.files_upload_v2(channel=channel, thread_ts=thread, filename="notes.txt", content="milk", initial_comment="notes")


logging.basicConfig(level=logging.INFO)
url, app_token, token = sys.argv[1:]
client = SocketModeClient(app_token=app_token, web_client=WebClient(token=token, base_url=f"{url}/api/"))
client.socket_mode_request_listeners.append(echo)
client.connect()
Event().wait()
