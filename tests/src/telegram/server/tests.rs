//! Conversations over HTTP, as a bot and a test see them.

use serde_json::json;

use super::*;
use crate::{oracle::Oracle, telegram::Author};

/// A network with one bot, and both sides of it.
struct Sides {
    server: Server,
    http: reqwest::Client,
    token: String,
    /// The offset that confirms everything that was read.
    next: std::cell::Cell<i64>,
    /// What answers are held against, if it is there.
    contract: Option<Contract>,
}

/// The type that a method returns, as the documentation names it.
fn returned(method: &str) -> &'static str {
    match method.to_lowercase().as_str() {
        "getupdates" => "Array of Update",
        "getme" => "User",
        "getfile" => "File",
        "getchat" => "ChatFullInfo",
        "getchatmember" => "ChatMember",
        "getmycommands" => "Array of BotCommand",
        "getwebhookinfo" => "WebhookInfo",
        "sendmediagroup" => "Array of Message",
        "sendmessage" | "senddocument" | "sendphoto" | "editmessagetext" => "Message",
        _ => "True",
    }
}

impl Sides {
    async fn start() -> Self {
        let server = Server::start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut sides = Self { server, http, token: String::new(), next: 0.into(), contract: Contract::from_env() };
        sides.token = sides.does("bot", json!({})).await["token"].as_str().unwrap().to_owned();
        sides
    }

    async fn does(&self, deed: &str, body: Value) -> Value {
        let url = format!("{}/control/{deed}", self.server.url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    async fn says(&self, text: &str) -> Value {
        self.does("say", json!({ "text": text })).await
    }

    async fn asks(&self, method: &str, body: Value) -> Value {
        let url = format!("{}/bot{}/{method}", self.server.url(), self.token);
        let answer: Value = self.http.post(url).json(&body).send().await.unwrap().json().await.unwrap();
        if let (Some(contract), true) = (&self.contract, answer["ok"] == true) {
            let documented = contract.value(returned(method), &answer["result"], method);
            documented.unwrap_or_else(|why| panic!("{why}\n{answer:#}"));
        }
        answer
    }

    /// The words of a refusal.
    async fn refused(&self, method: &str, body: Value) -> String {
        let answer = self.asks(method, body).await;
        answer["description"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn sends(&self, chat: i64, text: &str) -> i64 {
        let answer = self.asks("sendMessage", json!({ "chat_id": chat, "text": text })).await;
        answer["result"]["message_id"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// Everything that waits, confirmed.
    async fn updates(&self) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let answer = self.asks("getUpdates", json!({ "offset": self.next.get(), "limit": 100 })).await;
            let updates = answer["result"].as_array().unwrap_or_else(|| panic!("{answer}"));
            let Some(last) = updates.last() else { return all };
            self.next.set(last["update_id"].as_i64().unwrap() + 1);
            all.extend(updates.iter().cloned());
        }
    }

    async fn book(&self) -> Book {
        self.http.get(format!("{}/book", self.server.url())).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn a_conversation_reads_clean_to_the_oracle() {
    let sides = Sides::start().await;
    let asked = sides.says("go #t1").await;
    let alice = asked["chat_id"].as_i64().unwrap();
    let update = sides.updates().await.remove(0);
    assert_eq!(update["message"]["from"]["username"], "alice");
    let placeholder = sides.sends(alice, "…").await;
    let edit = json!({ "chat_id": alice, "message_id": placeholder, "text": "done #t1" });
    assert_eq!(sides.asks("EDITMESSAGETEXT", edit.clone()).await["result"]["text"], "done #t1");
    let again = sides.refused("editMessageText", edit).await;
    assert!(again.starts_with("Bad Request: message is not modified: specified new message content"), "{again}");
    let book = sides.book().await;
    let bot = 7_000_000_001;
    assert_eq!(book.messages[1].author, Author::Bot(bot));
    let findings = Oracle::new(|token| format!("done {token}")).judge(&book.ledger(bot));
    assert!(findings.is_clean(), "{findings}");
    assert_eq!(book.ledger(bot).bot[0].versions.len(), 2);
    let next = update["update_id"].as_i64().unwrap() + 1;
    let poll = sides.asks("getUpdates", json!({ "offset": next, "timeout": 20 }));
    let (heard, _) = tokio::join!(poll, sides.says("again #t2"));
    assert_eq!(heard["result"][0]["message"]["text"], "again #t2");
}

#[tokio::test]
async fn the_oracle_reads_what_is_confirmed_what_is_formatted_and_what_is_new() {
    let sides = Sides::start().await;
    let ledger = async || sides.book().await.ledger(7_000_000_001);
    let alice = sides.says("one").await["chat_id"].as_i64().unwrap();
    sides.says("two").await;
    let first = sides.asks("getUpdates", json!({ "limit": 1 })).await["result"][0]["update_id"].as_i64().unwrap();
    assert_eq!(ledger().await.confirmed, 0, "it was only given");
    sides.asks("getUpdates", json!({ "offset": first + 1 })).await;
    assert_eq!(ledger().await.confirmed, 1);
    let mut copy = ledger().await;
    sides.sends(alice, "plain #t1 /stop @alice_b").await;
    let bold = json!([{ "type": "bold", "offset": 0, "length": 4 }]);
    sides.asks("sendMessage", json!({ "chat_id": alice, "text": "bold", "entities": bold })).await;
    copy.catch_up(ledger().await.since(copy.order()));
    let forms: Vec<_> = copy.bot.iter().map(|posted| posted.versions[0].form.as_str()).collect();
    assert_eq!((copy.people.len(), forms, copy.requests), (2, vec!["plain", "formatted"], 2));
}

#[tokio::test]
async fn a_newer_poll_ends_the_older_and_a_webhook_any() {
    let sides = Sides::start().await;
    let older = sides.asks("getUpdates", json!({ "offset": 1, "timeout": 30 }));
    let newer = async {
        while sides.book().await.calls.is_empty() {}
        sides.asks("getUpdates", json!({ "offset": 2, "timeout": 30 })).await
    };
    let webhook = async {
        while sides.book().await.calls.len() < 2 {}
        sides.asks("setWebhook", json!({ "url": "https://example.com" })).await
    };
    let (older, newer, _) = tokio::join!(older, newer, webhook);
    let by_other = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    assert_eq!((&older["error_code"], older["description"].as_str()), (&json!(409), Some(by_other)));
    assert_eq!(newer["description"], "Conflict: terminated by setWebhook request");
    let set = sides.refused("getUpdates", json!({})).await;
    assert!(set.starts_with("Conflict: can't use getUpdates method while webhook is active"), "{set}");
}

#[tokio::test]
async fn every_refusal_has_telegrams_words() {
    let sides = Sides::start().await;
    let said = sides.says("hello").await;
    let (alice, hers) = (said["chat_id"].as_i64().unwrap(), said["message_id"].as_i64().unwrap());
    let send = |text: String| json!({ "chat_id": alice, "text": text });
    let edit = |id: i64, text: String| json!({ "chat_id": alice, "message_id": id, "text": text });
    let mine = sides.sends(alice, "mine").await;
    let rows = [
        ("sendMessage", json!({ "chat_id": 5, "text": "x" }), "Bad Request: chat not found"),
        ("sendMessage", send(String::new()), "Bad Request: message text is empty"),
        ("sendMessage", send(" \n".into()), "Bad Request: text must be non-empty"),
        ("sendMessage", send("x".repeat(4_097)), "Bad Request: message is too long"),
        ("sendMessage", send("👉".repeat(2_049)), "Bad Request: message is too long"),
        ("editMessageText", edit(mine, "x".repeat(4_097)), "Bad Request: MESSAGE_TOO_LONG"),
        ("editMessageText", edit(999, "x".into()), "Bad Request: message to edit not found"),
        ("editMessageText", edit(hers, "x".into()), "Bad Request: message can't be edited"),
        ("deleteMessage", json!({ "chat_id": alice, "message_id": 999 }), "Bad Request: message to delete not found"),
        ("sendNothing", json!({}), "Not Found: method not found"),
        (
            "sendMessage",
            json!({ "chat_id": alice, "text": "x", "reply_parameters": { "message_id": 999 } }),
            "Bad Request: message to be replied not found",
        ),
        (
            "sendMessage",
            json!({ "chat_id": alice, "text": "x", "message_thread_id": 77 }),
            "Bad Request: message thread not found",
        ),
        (
            "sendMessage",
            json!({ "chat_id": alice, "text": "a.b", "parse_mode": "MarkdownV2" }),
            "Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
        ),
    ];
    for (method, body, words) in rows {
        let answer = sides.asks(method, body).await;
        // Where requests are held against the documentation, an undocumented one is refused earlier.
        assert_eq!(answer["description"], words);
    }
    sides.does("block", json!({ "is_blocked": true })).await;
    assert_eq!(sides.refused("sendMessage", send("x".into())).await, "Forbidden: bot was blocked by the user");
    sides.does("deactivate", json!({ "person": "alice" })).await;
    assert_eq!(sides.refused("sendMessage", send("x".into())).await, "Forbidden: user is deactivated");
    let kitchen = sides.does("chat", json!({ "kind": "group", "by": "bob" })).await["id"].as_i64().unwrap();
    let bob = sides.does("person", json!({ "name": "bob" })).await["id"].as_i64().unwrap();
    let words = sides.refused("sendMessage", json!({ "chat_id": bob, "text": "x" })).await;
    assert_eq!(words, "Forbidden: bot can't initiate conversation with a user");
    sides.does("standing", json!({ "chat": kitchen, "standing": "kicked" })).await;
    let words = sides.refused("sendMessage", json!({ "chat_id": kitchen, "text": "x" })).await;
    assert_eq!(words, "Forbidden: bot was kicked from the group chat");
}

#[tokio::test]
async fn limits_say_how_long_to_wait_in_the_body_and_in_the_header() {
    let sides = Sides::start().await;
    let alice = sides.says("hello").await["chat_id"].as_i64().unwrap();
    sides.does("settings", json!({ "limits": { "chat_per_s": 1 } })).await;
    sides.sends(alice, "one").await;
    let url = format!("{}/bot{}/sendMessage", sides.server.url(), sides.token);
    let answer = sides.http.post(url).json(&json!({ "chat_id": alice, "text": "two" })).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["description"], "Too Many Requests: retry after 1");
    assert_eq!(body["parameters"]["retry_after"], 1);
}

#[tokio::test]
async fn faults_say_whether_a_request_was_applied() {
    let sides = Sides::start().await;
    let alice = sides.says("hello").await["chat_id"].as_i64().unwrap();
    let kinds = ["drop_before", "cut_after", "fail_before", "fail_after", "gateway_after", "garble_after"];
    let faults: Vec<_> = kinds.iter().map(|kind| json!({ "kind": kind })).collect();
    sides.does("faults", json!({ "faults": faults })).await;
    for kind in kinds {
        let url = format!("{}/bot{}/sendMessage", sides.server.url(), sides.token);
        let answer = sides.http.post(url).json(&json!({ "chat_id": alice, "text": kind })).send().await;
        let body = match answer {
            Ok(answer) => answer.json::<Value>().await.ok(),
            Err(_) => None,
        };
        assert!(body.is_none_or(|body| body["ok"] == false), "{kind}");
    }
    let book = sides.book().await;
    let texts: Vec<_> = book.messages.iter().map(|message| message.now().text.as_str()).collect();
    assert_eq!(texts, ["hello", "cut_after", "fail_after", "gateway_after", "garble_after"]);
}

#[tokio::test]
async fn a_bot_in_privacy_mode_hears_what_is_meant_for_it() {
    let sides = Sides::start().await;
    let kitchen = sides.does("chat", json!({ "kind": "supergroup", "is_forum": true })).await["id"].as_i64().unwrap();
    let fridge = sides.does("topic", json!({ "chat": kitchen, "name": "Fridge" })).await["thread"].clone();
    let first = sides.updates().await;
    assert!(first.iter().any(|update| update["my_chat_member"]["new_chat_member"]["status"] == "member"));
    let post = json!({ "chat_id": kitchen, "text": "I am here", "message_thread_id": fridge });
    let mine = sides.asks("sendMessage", post).await["result"].clone();
    assert_eq!((&mine["message_thread_id"], &mine["is_topic_message"]), (&fridge, &json!(true)));
    let say = |text: &str, reply: Value| json!({ "chat": kitchen, "thread": fridge, "text": text, "reply_to": reply });
    for (text, reply) in [
        ("just talk", Value::Null),
        ("/status", Value::Null),
        ("/status@other_bot", Value::Null),
        ("hey @lastword_bot #t1", Value::Null),
        ("to you", mine["message_id"].clone()),
    ] {
        sides.does("say", say(text, reply)).await;
    }
    let heard = sides.updates().await;
    let texts: Vec<_> = heard.iter().filter_map(|update| update["message"]["text"].as_str()).collect();
    assert_eq!(texts, ["/status", "hey @lastword_bot #t1", "to you"]);
    let talk = heard.iter().find(|update| update["message"]["text"] == "/status").unwrap();
    let root = &talk["message"]["reply_to_message"];
    assert_eq!(root["forum_topic_created"]["name"], "Fridge", "what is said in a topic replies to its first message");
    sides.does("privacy", json!({ "reads_all": true })).await;
    sides.does("say", say("anything", Value::Null)).await;
    assert_eq!(sides.updates().await.last().unwrap()["message"]["text"], "anything");
}

#[tokio::test]
async fn a_group_moves_and_says_where_to() {
    let sides = Sides::start().await;
    let group = sides.does("chat", json!({ "kind": "group" })).await["id"].as_i64().unwrap();
    sides.does("say", json!({ "chat": group, "text": "/go #t1" })).await;
    let to = sides.does("migrate", json!({ "chat": group })).await["id"].clone();
    let refused = sides.asks("sendMessage", json!({ "chat_id": group, "text": "done #t1" })).await;
    assert_eq!(refused["description"], "Bad Request: group chat was upgraded to a supergroup chat");
    assert_eq!(refused["parameters"]["migrate_to_chat_id"], to);
    let heard = sides.updates().await;
    assert!(heard.iter().any(|update| update["message"]["migrate_to_chat_id"] == to));
    sides.sends(to.as_i64().unwrap(), "done #t1").await;
    let findings = Oracle::new(|token| format!("done {token}")).judge(&sides.book().await.ledger(7_000_000_001));
    assert!(findings.is_clean(), "{findings}");
}

#[tokio::test]
async fn files_go_both_ways_and_albums_whole() {
    let sides = Sides::start().await;
    let file = json!({ "kind": "document", "name": "notes.txt", "text": "milk" });
    let said = sides.does("say", json!({ "text": "read this", "file": file })).await;
    let alice = said["chat_id"].as_i64().unwrap();
    let message = sides.updates().await.remove(0)["message"].clone();
    assert_eq!((&message["caption"], &message["document"]["file_name"]), (&json!("read this"), &json!("notes.txt")));
    let found = sides.asks("getFile", json!({ "file_id": message["document"]["file_id"] })).await["result"].clone();
    let path = found["file_path"].as_str().unwrap();
    let url = format!("{}/file/bot{}/{path}", sides.server.url(), sides.token);
    assert_eq!(sides.http.get(url).send().await.unwrap().text().await.unwrap(), "milk");

    let boundary = "part";
    let part = |name: &str, file: &str, content: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
    };
    let media = r#"[{"type":"document","media":"attach://one"},{"type":"document","media":"attach://two"}]"#;
    let body = [
        part("chat_id", "", &alice.to_string()),
        part("media", "", media),
        part("one", "; filename=\"one.txt\"", "1"),
        part("two", "; filename=\"two.txt\"", "2"),
        format!("--{boundary}--\r\n"),
    ]
    .concat();
    let url = format!("{}/bot{}/sendMediaGroup", sides.server.url(), sides.token);
    let request = sides.http.post(url).header("content-type", format!("multipart/form-data; boundary={boundary}"));
    let sent: Value = request.body(body).send().await.unwrap().json().await.unwrap();
    let names: Vec<_> = (0..2).map(|n| &sent["result"][n]["document"]["file_name"]).collect();
    assert_eq!(names, [&json!("one.txt"), &json!("two.txt")]);
    assert_eq!(sent["result"][0]["media_group_id"], sent["result"][1]["media_group_id"]);
    let photo = json!({ "chat_id": alice, "photo": "https://example.com/x.png" });
    assert_eq!(sides.refused("sendPhoto", photo).await, "Bad Request: failed to get HTTP URL content");
}

#[tokio::test]
async fn an_album_of_a_person_is_as_many_updates_and_its_files_can_be_cut() {
    let sides = Sides::start().await;
    let files = json!([{ "kind": "photo", "name": "a.jpg", "text": "aa" }, { "kind": "video", "name": "b.mp4" }]);
    sides.does("say", json!({ "text": "look", "files": files })).await;
    let updates = sides.updates().await;
    let parts: Vec<_> = updates.iter().map(|update| &update["message"]).collect();
    assert_eq!((&parts[0]["caption"], &parts[1]["caption"]), (&json!("look"), &Value::Null));
    assert!(parts[0]["media_group_id"].is_string() && parts[0]["media_group_id"] == parts[1]["media_group_id"]);
    let file = json!({ "file_id": parts[0]["photo"][0]["file_id"] });
    let path = sides.asks("getFile", file.clone()).await["result"]["file_path"].as_str().unwrap().to_owned();
    let url = format!("{}/file/bot{}/{path}", sides.server.url(), sides.token);
    let fetched = async || sides.http.get(&url).send().await?.error_for_status()?.text().await;
    sides.does("faults", json!({ "method": "download", "faults": [{ "kind": "cut_after" }] })).await;
    assert!(fetched().await.is_err());
    assert_eq!(fetched().await.unwrap(), "aa");
    sides.does("lose_files", json!({})).await;
    assert!(fetched().await.is_err());
    assert!(sides.refused("getFile", file).await.starts_with("Bad Request: wrong file_id"));
}

#[tokio::test]
async fn a_token_that_is_none_or_no_longer_one_is_refused() {
    let mut sides = Sides::start().await;
    let get = |token: &str| sides.http.get(format!("{}/bot{token}/getMe", sides.server.url())).send();
    assert_eq!(get("nonsense").await.unwrap().status(), 404);
    assert_eq!(get("7000000001:wrong").await.unwrap().status(), 401);
    let me: Value = get(&sides.token).await.unwrap().json().await.unwrap();
    assert_eq!((&me["result"]["username"], &me["result"]["can_join_groups"]), (&json!("lastword_bot"), &json!(true)));
    let poll = sides.asks("getUpdates", json!({ "timeout": 30 }));
    let revoke = async {
        while sides.book().await.calls.len() < 2 {}
        sides.does("revoke", json!({})).await
    };
    let (ended, made) = tokio::join!(poll, revoke);
    assert_eq!(ended["error_code"], 401);
    sides.token = made["token"].as_str().unwrap().to_owned();
    assert!(sides.updates().await.is_empty());
}

#[tokio::test]
async fn commands_are_kept_by_scope_and_language() {
    let sides = Sides::start().await;
    let set = json!({ "commands": [{ "command": "stop", "description": "Stop" }], "language_code": "de" });
    assert_eq!(sides.asks("setMyCommands", set).await["result"], true);
    assert_eq!(sides.asks("getMyCommands", json!({})).await["result"], json!([]));
    assert_eq!(sides.asks("getMyCommands", json!({ "language_code": "de" })).await["result"][0]["command"], "stop");
    let bad = json!({ "commands": [{ "command": "Stop", "description": "Stop" }] });
    assert_eq!(sides.refused("setMyCommands", bad).await, "Bad Request: BOT_COMMAND_INVALID");
    sides.asks("deleteMyCommands", json!({ "language_code": "de" })).await;
    assert_eq!(sides.asks("getMyCommands", json!({ "language_code": "de" })).await["result"], json!([]));
}

#[tokio::test]
async fn every_kind_of_update_and_answer_is_as_documented() {
    let sides = Sides::start().await;
    let kinds = json!({ "allowed_updates": ["message", "edited_message", "channel_post", "callback_query",
                                            "my_chat_member", "stopped_message_generation"] });
    sides.asks("getUpdates", kinds).await;
    let said = sides.does("say", json!({ "text": "/start now https://example.com", "age_s": 60 })).await;
    let (alice, hers) = (said["chat_id"].clone(), said["message_id"].clone());
    let kinds = ["photo", "live_photo", "voice", "video", "video_note", "audio", "animation", "document", "sticker"];
    for kind in kinds {
        let file = json!({ "kind": kind, "name": format!("a.{kind}"), "bytes": [1, 2, 3], "size_bytes": 21_000_000 });
        sides.does("say", json!({ "text": kind, "file": file })).await;
    }
    sides.does("edit", json!({ "message": hers, "text": "/start later" })).await;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "Stop", "callback_data": "stop" }]] });
    let mine = json!({ "chat_id": alice, "text": "*b*", "parse_mode": "MarkdownV2", "reply_markup": keyboard,
                       "reply_parameters": { "message_id": hers } });
    let mine = sides.asks("sendMessage", mine).await["result"]["message_id"].clone();
    let pressed = sides.does("press", json!({ "message": mine, "data": "stop" })).await["id"].clone();
    let answer = json!({ "callback_query_id": pressed });
    assert_eq!(sides.asks("answerCallbackQuery", answer.clone()).await["result"], true);
    let again = sides.refused("answerCallbackQuery", answer).await;
    assert!(again.starts_with("Bad Request: query is too old"), "{again}");
    let draft = json!({ "chat_id": alice, "draft_id": 7, "text": "so far", "can_stop": true });
    assert_eq!(sides.asks("sendMessageDraft", draft).await["result"], true);
    sides.does("stop_draft", json!({ "draft": 7 })).await;
    let reaction = json!({ "chat_id": alice, "message_id": hers, "reaction": [{ "type": "emoji", "emoji": "👀" }] });
    assert_eq!(sides.asks("setMessageReaction", reaction).await["result"], true);
    sides.does("block", json!({ "is_blocked": true })).await;
    let channel = sides.does("chat", json!({ "kind": "channel" })).await["id"].clone();
    sides.does("say", json!({ "chat": channel, "text": "news" })).await;
    let forum = sides.does("chat", json!({ "kind": "supergroup", "is_forum": true })).await["id"].clone();
    sides.does("topic", json!({ "chat": forum, "name": "Fridge" })).await;
    let bot = json!({ "chat_id": forum, "user_id": 7_000_000_001_i64 });
    assert_eq!(sides.asks("getChatMember", bot).await["result"]["status"], "member");
    assert_eq!(sides.asks("getChat", json!({ "chat_id": forum })).await["result"]["is_forum"], true);
    let action = json!({ "chat_id": forum, "action": "typing", "message_thread_id": 1 });
    assert_eq!(sides.asks("sendChatAction", action).await["result"], true);
    assert_eq!(sides.asks("getMe", json!({})).await["result"]["is_bot"], true);
    assert_eq!(sides.asks("getWebhookInfo", json!({})).await["result"]["url"], "");
    let updates = sides.updates().await;
    let kinds: std::collections::BTreeSet<_> =
        updates.iter().flat_map(|update| update.as_object().unwrap().keys().cloned()).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    let big = updates.iter().find_map(|update| update["message"]["document"]["file_id"].as_str()).unwrap();
    assert_eq!(sides.refused("getFile", json!({ "file_id": big })).await, "Bad Request: file is too big");
    let violations = sides.http.get(format!("{}/control/violations", sides.server.url())).send().await.unwrap();
    assert_eq!(violations.json::<Vec<Violation>>().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_not_documented_is_refused_and_remembered() {
    let sides = Sides::start().await;
    if sides.contract.is_none() {
        eprintln!("not run: LASTWORD_CONTRACTS is not set");
        return;
    }
    let alice = sides.says("hello").await["chat_id"].clone();
    let words = sides.refused("sendMessage", json!({ "chat_id": alice, "text": "x", "colour": "red" })).await;
    assert_eq!(words, "Bad Request: not documented: sendmessage has no parameter colour");
    let violations = sides.http.get(format!("{}/control/violations", sides.server.url())).send().await.unwrap();
    assert_eq!(violations.json::<Vec<Violation>>().await.unwrap().len(), 1);
}
