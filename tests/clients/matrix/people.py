"""People on Matrix, each with a client and a crypto store of their own: people.py <directory> <secret>.

Reads the address of the homeserver from the first line, and an object from every other, `{"do": …, "who": …, …}`. Answers
each of these with one, in order: `{"is": …}` or `{"error": …}`.
Between the lines everybody listens, and keeps every event of every room as it can be read now. A file's bytes are the
characters of a string with the same numbers.
"""

import asyncio
import hashlib
import hmac
import json
import os
import sys
import traceback
from uuid import uuid4

import aiohttp
from nio import AsyncClient, AsyncClientConfig, Event, LoginError, MegolmEvent, SyncResponse
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment

HOME = None
DIRECTORY, SECRET = sys.argv[1:]
FILTER = {"room": {"timeline": {"limit": 1000}}}
TROUBLE_S = 0.1
LINE_BYTES_MAX = 100_000_000


class Refused(Exception):
    """What the homeserver says no with."""


class Person:
    def __init__(self, name):
        self.name = name
        self.client = None
        # Everything heard, by id, in order; what became readable later is in the log once more.
        self.heard = {}
        self.log = []
        self.unreadable = []
        self.held = {}
        self.receipts = {}

    async def log_in(self, password, device=None):
        """Logs in as a new device, and listens from then on."""
        store = f"{DIRECTORY}/{self.name}-{uuid4().hex[:8]}"
        os.makedirs(store)
        config = AsyncClientConfig(encryption_enabled=True, max_timeout_retry_wait_time=0.5, request_timeout=30)
        self.client = AsyncClient(HOME, self.name, store_path=store, config=config)
        logged_in = await self.client.login(password, device_name=device or "phone")
        if isinstance(logged_in, LoginError):
            raise Refused(logged_in.message)
        await self.client.keys_upload()
        await self.take(await self.client.sync(timeout=0, sync_filter=FILTER, full_state=True))
        self.listening = asyncio.create_task(self.listen())
        return {"user": self.client.user_id, "device": self.client.device_id}

    async def listen(self):
        while True:
            try:
                await self.take(await self.client.sync(timeout=10_000, sync_filter=FILTER))
                await self.keep_keys()
            except asyncio.CancelledError:
                raise
            except Exception:
                traceback.print_exc()
                await asyncio.sleep(TROUBLE_S)

    async def keep_keys(self):
        client = self.client
        await client.send_to_device_messages()
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        if client.should_claim_keys:
            await client.keys_claim(client.get_users_for_key_claiming())

    async def take(self, sync):
        if not isinstance(sync, SyncResponse):
            await asyncio.sleep(TROUBLE_S)
            return
        for room, news in sync.rooms.join.items():
            if news.timeline.limited and any(heard["room"] == room for heard in self.log):
                await self.fill(room, news.timeline.prev_batch)
            for event in news.timeline.events:
                self.note(room, event)
            for event in news.ephemeral:
                for receipt in getattr(event, "receipts", []):
                    self.receipts.setdefault(room, {})[receipt.user_id] = receipt.event_id

    async def fill(self, room, token):
        """What a limited timeline left out."""
        missed = []
        while token:
            try:
                found = await self.ask("GET", f"rooms/{room}/messages", {"dir": "b", "from": token, "limit": "100"})
            except (aiohttp.ClientError, Refused):
                await asyncio.sleep(TROUBLE_S)
                continue
            new = [raw for raw in found["chunk"] if raw["event_id"] not in self.heard]
            missed += new
            token = found.get("end") if found["chunk"] and len(new) == len(found["chunk"]) else None
        for raw in reversed(missed):
            is_secret = raw["type"] == "m.room.encrypted"
            self.note(room, Event.parse_encrypted_event(raw) if is_secret else Event.parse_event(raw))

    def note(self, room, event):
        source = event.source
        if source.get("event_id") in self.heard:
            return
        told = {
            "order": len(self.heard) + 1,
            "room": room,
            "id": source.get("event_id"),
            "type": source.get("type"),
            "sender": source.get("sender"),
            "at_ms": source.get("origin_server_ts", 0),
            "content": source.get("content", {}),
            "state_key": source.get("state_key"),
            "redacts": source.get("redacts") or source.get("content", {}).get("redacts"),
            "is_encrypted": isinstance(event, MegolmEvent) or getattr(event, "decrypted", False),
        }
        self.heard[told["id"]] = told
        self.log.append(told)
        if isinstance(event, MegolmEvent):
            event.room_id = room
            self.unreadable.append(event)

    def read_again(self):
        """What could not be read may be readable by now."""
        for event in list(self.unreadable):
            try:
                read = self.client.decrypt_event(event).source
            except Exception:
                continue
            told = self.heard[event.event_id]
            told |= {"type": read["type"], "content": read["content"]}
            self.log.append(told)
            self.unreadable.remove(event)

    async def ask(self, method, path, query=None, body=None, root="/_matrix/client/v3/"):
        """A request that the client has no method for."""
        headers = {"Authorization": f"Bearer {self.client.access_token}"}
        async with aiohttp.ClientSession() as http:
            url = HOME + root + path
            async with http.request(method, url, params=query, json=body, headers=headers) as answer:
                said = await answer.json()
                if answer.status >= 300:
                    raise Refused(f"{answer.status} {said}")
                return said

    async def send(self, room, kind, content, holds_keys=False):
        client = self.client
        if client.rooms[room].encrypted:
            await self.keep_keys()
            if not client.rooms[room].members_synced:
                await client.joined_members(room)
                await self.keep_keys()
            if holds_keys:
                await self.hold_keys(room)
        sent = await client.room_send(room, kind, content, ignore_unverified_devices=True)
        if not hasattr(sent, "event_id"):
            raise Refused(str(sent))
        return sent.event_id

    async def hold_keys(self, room):
        """A new session, whose key nobody gets yet."""
        client, olm = self.client, self.client.olm
        missing = client.get_missing_sessions(room)
        if missing:
            await client.keys_claim(missing)
        olm.create_outbound_group_session(room)
        users = list(client.rooms[room].users)
        shared = olm.share_group_session_parallel(room, users, ignore_unverified_devices=True)
        self.held[room] = [messages for _, messages in shared]
        olm.outbound_group_sessions[room].shared = True

    # --- what people do ----------------------------------------------------------------------------------------------

    async def create(self, invite=(), name=None, is_direct=False, is_encrypted=False, version=None, aliases=None):
        state = []
        if is_encrypted:
            state.append({"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}})
        body = {"preset": "trusted_private_chat" if is_direct else "private_chat", "invite": list(invite),
                "is_direct": is_direct, "initial_state": state}
        body |= {"name": name} if name else {}
        body |= {"room_version": version} if version else {}
        room = (await self.ask("POST", "createRoom", body=body))["room_id"]
        while room not in self.client.rooms or (is_encrypted and not self.client.rooms[room].encrypted):
            await asyncio.sleep(0.01)
        return room

    async def join(self, room):
        await self.ask("POST", f"join/{room}", body={})
        while room not in self.client.rooms:
            await asyncio.sleep(0.01)

    async def say(self, room, text, html=None, thread=None, reply_to=None, mentions=None, kind="m.text", is_fallback=None,
                  edits=None, holds_keys=False):
        content = {"msgtype": kind, "body": text}
        if html:
            content |= {"format": "org.matrix.custom.html", "formatted_body": html}
        if mentions is not None:
            content["m.mentions"] = {"room": True} if mentions == "room" else {"user_ids": mentions}
        if edits:
            content = {"msgtype": kind, "body": f"* {text}", "m.new_content": dict(content), "m.mentions": {},
                       "m.relates_to": {"rel_type": "m.replace", "event_id": edits}}
        elif thread:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": thread, "is_falling_back": not reply_to,
                                       "m.in_reply_to": {"event_id": reply_to or thread}}
        elif reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        return await self.send(room, "m.room.message", content, holds_keys)

    async def release_keys(self, room):
        for messages in self.held.pop(room):
            await self.ask("PUT", f"sendToDevice/m.room.encrypted/{uuid4()}", body=messages)

    async def send_file(self, room, name, data, mime="text/plain", kind="m.file", caption=None, thread=None):
        data = data.encode("latin-1")
        content = {"msgtype": kind, "body": caption or name, "filename": name, "info": {"mimetype": mime, "size": len(data)}}
        keys = None
        if self.client.rooms[room].encrypted:
            data, keys = encrypt_attachment(data)
        headers = {"Authorization": f"Bearer {self.client.access_token}",
                   "Content-Type": "application/octet-stream" if keys else mime}
        query = {} if keys else {"filename": name}
        async with aiohttp.ClientSession() as http:
            async with http.post(HOME + "/_matrix/media/v3/upload", data=data, params=query, headers=headers) as answer:
                url = (await answer.json())["content_uri"]
        content |= {"file": keys | {"url": url}} if keys else {"url": url}
        if thread:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": thread, "is_falling_back": True,
                                       "m.in_reply_to": {"event_id": thread}}
        return await self.send(room, "m.room.message", content)

    async def redact(self, room, event):
        return (await self.ask("PUT", f"rooms/{room}/redact/{event}/{uuid4()}", body={}))["event_id"]

    async def react(self, room, event, key):
        relation = {"rel_type": "m.annotation", "event_id": event, "key": key}
        return await self.send(room, "m.reaction", {"m.relates_to": relation})

    async def rotate_keys(self, room):
        """The next message gets a new session."""
        self.client.invalidate_outbound_session(room)

    async def marks_direct(self, user, room):
        """This client knows that the room is for the two of them; others learn it from the account."""
        path = f"user/{self.client.user_id}/account_data/m.direct"
        await self.ask("PUT", path, body={user: [room]})

    async def log_out(self):
        self.listening.cancel()
        await self.client.logout()
        await self.client.close()

    # --- what people see ---------------------------------------------------------------------------------------------

    async def news(self, since):
        """What became readable since there were so many news."""
        self.read_again()
        return {"events": self.log[since:], "count": len(self.log)}

    async def members(self, room):
        """Who is in a room, and the devices of theirs that are known."""
        room = self.client.rooms.get(room)
        if room is None:
            return {}
        devices = self.client.device_store
        return {user: sorted(device.id for device in devices.active_user_devices(user)) for user in room.users}

    async def invited(self):
        return list(self.client.invited_rooms)

    async def typing(self, room):
        return list(self.client.rooms[room].typing_users)

    async def read_up_to(self, room):
        """The event that each has read last."""
        return self.receipts.get(room, {})

    async def fetch(self, content):
        """The file of a message, whole and decrypted."""
        keys = content.get("file")
        media = (keys or content)["url"].removeprefix("mxc://")
        headers = {"Authorization": f"Bearer {self.client.access_token}"}
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{HOME}/_matrix/client/v1/media/download/{media}", headers=headers) as answer:
                if answer.status != 200:
                    raise Refused(f"{answer.status} {await answer.text()}")
                data = await answer.read()
        if keys:
            data = decrypt_attachment(data, keys["key"]["k"], keys["hashes"]["sha256"], keys["iv"])
        return data.decode("latin-1")


async def register(name, password, is_admin=False):
    """A new account, by the secret that the homeserver shares: nobody is asked for anything."""
    url = f"{HOME}/_synapse/admin/v1/register"
    async with aiohttp.ClientSession() as http:
        nonce = (await (await http.get(url)).json())["nonce"]
        words = [nonce, name, password, "admin" if is_admin else "notadmin"]
        mac = hmac.new(SECRET.encode(), "\0".join(words).encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": password, "admin": is_admin, "mac": mac}
        async with http.post(url, json=body) as answer:
            said = await answer.json()
            if answer.status != 200:
                raise Refused(str(said))
            return {"user": said["user_id"], "token": said["access_token"]}


async def main():
    global HOME
    people = {}
    lines = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    HOME = (await lines.readline()).decode().strip()
    while line := await lines.readline():
        deed = json.loads(line)
        what, who = deed.pop("do"), deed.pop("who", None)
        try:
            if what == "register":
                done = await register(**deed)
            else:
                done = await getattr(people.setdefault(who, Person(who)), what)(**deed)
            answer = {"is": done}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    os._exit(0)


asyncio.run(main())
