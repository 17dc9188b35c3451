use lastword_core::ids::MessageId;
use serde_json::{Value, json};

use super::*;
use crate::telegram::{BotCommandSettings, chats::Chats, client::Client};

fn link(edited: Edited) -> Link {
    let mut settings = TelegramSettings::new("4711:s", "http://127.0.0.1:1");
    settings.edited = edited;
    settings.commands = vec![BotCommandSettings { name: "ask".into(), help: String::new(), is_for_admins: false }];
    let client = Client::new(&settings);
    Link {
        account: AccountId::new("bot"),
        settings,
        client,
        chats: Chats::default(),
        me: Default::default(),
        is_contended: Default::default(),
    }
}

fn read_by(link: &Link, update: Value) -> Read {
    let me = Me { id: 4711, username: "Lastword_Bot".into() };
    Reader { link, me: &me }.read(&update.to_string()).expect("it has a number")
}

fn read(update: Value) -> Read {
    read_by(&link(Edited::Ignore), update)
}

fn message(chat: Value, more: Value) -> Value {
    let mut message = json!({
        "message_id": 5,
        "date": 1_700_000_000,
        "chat": chat,
        "from": { "id": 7, "is_bot": false, "first_name": "Ada", "last_name": "L.", "language_code": "en" },
    });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "update_id": 900, "message": message })
}

fn in_private(more: Value) -> Value {
    message(json!({ "id": 7, "type": "private", "first_name": "Ada" }), more)
}

fn in_group(more: Value) -> Value {
    message(json!({ "id": -1_005, "type": "supergroup", "title": "Team", "is_forum": true }), more)
}

fn posted(read: &Read) -> &Message {
    match &read.update.kind {
        UpdateKind::Posted(message) => message,
        other => panic!("somebody wrote; got {other:?}"),
    }
}

fn other(update: Value) -> String {
    match read(update).update.kind {
        UpdateKind::Other { name } => name,
        kind => panic!("nothing for core; got {kind:?}"),
    }
}

/// The text that core gets of a message in a group, if it is addressed.
fn heard(text: &str, entities: Value) -> Option<String> {
    let read = read(in_group(json!({ "text": text, "entities": entities })));
    let message = posted(&read);
    message.is_addressed.then(|| message.text.clone())
}

#[test]
fn a_private_message_has_its_place_its_sender_and_its_text() {
    let read = read(in_private(json!({ "text": "hello" })));
    assert_eq!(read.number, 900);
    assert_eq!(read.update.id, UpdateId::new("900"));
    assert_eq!(read.update.place.conversation, ConversationId::new("7"));
    assert_eq!(read.update.place.thread, None);
    assert_eq!(read.update.sender, Sender { id: UserId::new("7"), name: Some("Ada L.".into()), is_bot: false });
    assert_eq!(read.update.sent_at, Timestamp(1_700_000_000_000));
    let message = posted(&read);
    assert_eq!((message.id.as_str(), message.text.as_str(), message.is_addressed), ("5", "hello", true));
}

#[test]
fn a_group_is_answered_only_when_it_addresses_us() {
    let mention = |offset, length| json!([{ "type": "mention", "offset": offset, "length": length }]);
    let command = |length| json!([{ "type": "bot_command", "offset": 0, "length": length }]);
    assert_eq!(heard("what do you think?", json!([])), None);
    assert_eq!(heard("@lastword_bot, what?", mention(0, 13)).as_deref(), Some("what?"));
    assert_eq!(heard("what, @Lastword_Bot", mention(6, 13)).as_deref(), Some("what,"));
    assert_eq!(heard("ask @lastword_bot about it", mention(4, 13)).as_deref(), Some("ask @lastword_bot about it"));
    assert_eq!(heard("@lastword_bot2 hey", mention(0, 14)), None);
    assert_eq!(heard("an address: x@lastword_bot.org", json!([])), None, "no entity, no mention");
    assert_eq!(heard("/new@lastword_bot", command(17)).as_deref(), Some("/new@lastword_bot"));
    assert_eq!(heard("/new", command(4)).as_deref(), Some("/new"));
    assert_eq!(heard("/ask why", command(4)).as_deref(), Some("/ask why"));
    assert_eq!(heard("/weather", command(8)), None, "another bot may know it");
    assert_eq!(
        heard(
            "/new@other_bot @lastword_bot",
            json!([
                { "type": "bot_command", "offset": 0, "length": 14 }, { "type": "mention", "offset": 15, "length": 13 },
            ])
        ),
        None
    );
    assert_eq!(
        heard(
            "@lastword_bot /new",
            json!([
                { "type": "mention", "offset": 0, "length": 13 }, { "type": "bot_command", "offset": 14, "length": 4 },
            ])
        )
        .as_deref(),
        Some("/new")
    );
    assert_eq!(
        heard("Bot, hi", json!([{ "type": "text_mention", "offset": 0, "length": 3, "user": { "id": 4711 } }]))
            .as_deref(),
        Some("hi")
    );
}

#[test]
fn an_answer_to_us_addresses_us_but_a_topic_that_we_opened_does_not() {
    let reply = |answered: Value, more: Value| {
        let mut body = json!({ "text": "and then?", "reply_to_message": answered });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        posted(&read(in_group(body))).is_addressed
    };
    assert!(reply(json!({ "message_id": 3, "from": { "id": 4711 } }), json!({})));
    assert!(!reply(json!({ "message_id": 3, "from": { "id": 8 } }), json!({})));
    let topic = json!({ "is_topic_message": true, "message_thread_id": 3 });
    assert!(!reply(json!({ "message_id": 3, "from": { "id": 4711 }, "forum_topic_created": {} }), topic.clone()));
    assert!(!reply(json!({ "message_id": 3, "from": { "id": 4711 } }), topic.clone()));
    assert!(reply(json!({ "message_id": 4, "from": { "id": 4711 } }), topic));
}

#[test]
fn a_topic_is_a_thread_and_a_chain_of_replies_is_none() {
    let topic = read(in_group(json!({ "text": "x", "message_thread_id": 12, "is_topic_message": true })));
    assert_eq!(topic.update.place.thread, Some(ThreadId::new("12")));
    let chain = read(in_group(json!({ "text": "x", "message_thread_id": 12 })));
    assert_eq!(chain.update.place.thread, None);
}

#[test]
fn what_people_marked_becomes_markdown() {
    let text = "see 👍 code and link\nlet a;";
    let entities = json!([
        { "type": "bold", "offset": 0, "length": 4 },
        { "type": "code", "offset": 7, "length": 4 },
        { "type": "text_link", "offset": 16, "length": 4, "url": "https://example.org/a(b)" },
        { "type": "pre", "offset": 21, "length": 6, "language": "rust" },
        { "type": "custom_emoji", "offset": 4, "length": 2, "custom_emoji_id": "1" },
        { "type": "date_time", "offset": 0, "length": 3 },
    ]);
    let read = read(in_private(json!({ "text": text, "entities": entities })));
    assert_eq!(posted(&read).text, "**see** 👍 `code` and [link](https://example.org/a(b%29)\n```rust\nlet a;\n```");
}

/// The files of a message, a line each.
fn files(message: &Message) -> String {
    let lines = message.files.iter().map(|file| format!("{} {} {:?}", file.handle, file.name, file.size_bytes));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_caption_is_the_text_of_its_file() {
    let photo = json!([{ "file_id": "x", "width": 1, "height": 1 }]);
    let with = read(in_private(json!({ "photo": photo, "caption": "look" })));
    assert_eq!((posted(&with).text.as_str(), files(posted(&with)).as_str()), ("look", "x photo.jpg None"));
    let without = read(in_private(json!({ "voice": { "file_id": "x" } })));
    assert_eq!((posted(&without).text.as_str(), files(posted(&without)).as_str()), ("", "x voice.ogg None"));
}

#[test]
fn every_kind_of_file_is_named_and_can_be_fetched() {
    let sizes = json!([
        { "file_id": "small", "width": 90, "height": 60, "file_size": 1 },
        { "file_id": "large", "width": 900, "height": 600, "file_size": 3 },
        { "file_id": "middle", "width": 320, "height": 200, "file_size": 2 },
    ]);
    let kinds = [
        json!({ "photo": sizes }),
        json!({ "photo": sizes, "live_photo": { "file_id": "x", "mime_type": "video/mp4", "photo": sizes } }),
        json!({ "voice": { "file_id": "x", "mime_type": "audio/ogg", "file_size": 5 } }),
        json!({ "video": { "file_id": "x", "file_name": "Our trip.mp4", "file_size": 3_000_000_000_u64 } }),
        json!({ "video": { "file_id": "x", "mime_type": "video/quicktime" } }),
        json!({ "video_note": { "file_id": "x", "length": 240 } }),
        json!({ "audio": { "file_id": "x", "file_name": " ", "mime_type": "audio/x-m4a" } }),
        json!({ "animation": { "file_id": "x" }, "document": { "file_id": "x", "file_name": "cat.mp4" } }),
        json!({ "document": { "file_id": "x", "file_name": "../report.pdf", "mime_type": "application/pdf" } }),
        json!({ "document": { "file_id": "x", "mime_type": "application/pdf" } }),
        json!({ "document": { "file_id": "x", "mime_type": "of/tomorrow", "file_size": -1 } }),
        json!({ "sticker": { "file_id": "x", "is_animated": false, "is_video": false } }),
        json!({ "sticker": { "file_id": "x", "is_animated": true, "is_video": false } }),
        json!({ "sticker": { "file_id": "x", "is_animated": false, "is_video": true } }),
    ];
    let lines = kinds.map(|kind| {
        let named: Vec<_> = kind.as_object().unwrap().keys().map(String::as_str).collect();
        format!("{}: {}", named.join("+"), files(posted(&read(in_private(kind.clone())))).replace('\n', "; "))
    });
    insta::assert_snapshot!(lines.join("\n"), @r"
    photo: large photo.jpg Some(3)
    live_photo+photo: large photo.jpg Some(3); x live_photo.mp4 None
    voice: x voice.ogg Some(5)
    video: x Our trip.mp4 Some(3000000000)
    video: x video.mov None
    video_note: x video_note.mp4 None
    audio: x audio.m4a None
    animation+document: x animation.mp4 None
    document: x ../report.pdf None
    document: x document.pdf None
    document: x document.bin None
    sticker: x sticker.webp None
    sticker: x sticker.tgs None
    sticker: x sticker.webm None
    ");
}

#[test]
fn what_cannot_be_fetched_is_no_file() {
    let paid = json!({ "star_count": 1, "paid_media": [{ "type": "photo", "photo": [{ "file_id": "x" }] }] });
    for kind in [
        json!({ "location": { "latitude": 1, "longitude": 1 } }),
        json!({ "paid_media": paid }),
        json!({ "photo": [] }),
        json!({ "photo": [{ "width": 1 }, 5] }),
        json!({ "document": "x" }),
    ] {
        let read = read(in_private(kind.clone()));
        assert_eq!((posted(&read).text.as_str(), files(posted(&read)).as_str()), ("", ""), "{kind}");
    }
}

/// A batch of updates, each in one line.
fn batch(updates: Vec<Value>) -> Vec<String> {
    let reads = updates.into_iter().zip(900..).map(|(mut update, number)| {
        update["update_id"] = number.into();
        update["message"]["message_id"] = (number - 800).into();
        let read = read(update);
        (read.update, read.part)
    });
    let told = |update: &Update| match &update.kind {
        UpdateKind::Posted(said) => {
            let addressed = if said.is_addressed { " for us" } else { "" };
            format!("{}: {}{addressed} {:?} {}", update.id, said.id, said.text, files(said).replace('\n', "; "))
        }
        other => format!("{}: {other:?}", update.id),
    };
    crate::telegram::album::joined(reads.collect()).iter().map(told).collect()
}

fn part(album: &str, handle: &str, caption: &str) -> Value {
    let photo = json!([{ "file_id": handle, "width": 1, "height": 1 }]);
    let mut part = json!({ "photo": photo, "media_group_id": album });
    if !caption.is_empty() {
        part["caption"] = caption.into();
    }
    part
}

#[test]
fn an_album_of_one_batch_is_one_message() {
    let told = batch(vec![
        in_private(part("1", "a", "")),
        in_group(part("1", "other chat", "")),
        in_private(part("1", "b", "look")),
        in_private(json!({ "text": "and" })),
        in_private(part("2", "other album", "")),
        in_private(part("1", "c", "at these")),
    ]);
    insta::assert_debug_snapshot!(told, @r#"
    [
        "900: 100 for us \"look\\n\\nat these\" a photo.jpg None; b photo.jpg None; c photo.jpg None",
        "901: 101 \"\" other chat photo.jpg None",
        "902: Other { name: \"album part\" }",
        "903: 103 for us \"and\" ",
        "904: 104 for us \"\" other album photo.jpg None",
        "905: Other { name: \"album part\" }",
    ]
    "#);
}

#[test]
fn an_album_is_for_whom_any_of_it_is() {
    let caption = |text: &str, kind: &str, length: usize| {
        let mut said = part("1", "b", text);
        said["caption_entities"] = json!([{ "type": kind, "offset": 0, "length": length }]);
        said
    };
    let for_us = caption("@lastword_bot look", "mention", 13);
    let told = batch(vec![in_group(part("1", "a", "")), in_group(for_us)]);
    assert_eq!(told[0], r#"900: 100 for us "look" a photo.jpg None; b photo.jpg None"#);
    let for_another = caption("/look@other_bot", "bot_command", 15);
    let told = batch(vec![in_private(part("1", "a", "")), in_private(for_another)]);
    assert_eq!(told[0], r#"900: 100 "/look@other_bot" a photo.jpg None; b photo.jpg None"#);
}

#[test]
fn what_asks_nothing_is_named() {
    let channel = json!({ "id": -1_009, "type": "channel", "title": "News" });
    assert_eq!(other(message(channel, json!({ "text": "x" }))), "channel_post");
    assert_eq!(other(json!({ "update_id": 1, "channel_post": { "chat": { "id": -1009 } } })), "channel_post");
    assert_eq!(other(in_group(json!({ "new_chat_members": [] }))), "service message: new_chat_members");
    assert_eq!(other(in_group(json!({ "text": "x", "is_automatic_forward": true }))), "automatic_forward");
    assert_eq!(other(json!({ "update_id": 1, "poll_answer": {} })), "poll_answer");
    assert_eq!(other(json!({ "update_id": 1 })), "empty");
    assert_eq!(other(json!({ "update_id": 1, "message": 5 })), "message");
    assert_eq!(other(json!({ "update_id": 1, "message": { "text": "x" } })), "message without a chat");
}

#[test]
fn what_has_no_number_is_not_read() {
    let link = link(Edited::Ignore);
    let me = Me { id: 4711, username: String::new() };
    for json in ["{}", "[]", "5", r#"{"update_id":"x"}"#, "{"] {
        assert_eq!(Reader { link: &link, me: &me }.read(json), None, "{json}");
    }
}

#[test]
fn an_edit_is_asked_again_only_if_the_operator_says_so() {
    let edit = |more: Value| {
        let mut update = in_private(more);
        let message = update.as_object_mut().unwrap().remove("message").unwrap();
        update["edited_message"] = message;
        update
    };
    let changed = edit(json!({ "text": "again", "edit_date": 1_700_000_100 }));
    assert_eq!(other(changed.clone()), "edited_message");
    let rerun = link(Edited::Rerun);
    let read = read_by(&rerun, changed);
    assert_eq!(posted(&read).text, "again");
    assert_eq!(read.update.sent_at, Timestamp(1_700_000_100_000));
    let moving = read_by(&rerun, edit(json!({ "location": { "latitude": 1, "longitude": 1 } })));
    assert!(matches!(moving.update.kind, UpdateKind::Other { .. }), "a live location asks nothing");
}

#[test]
fn who_writes_for_a_chat_is_that_chat_and_a_bot_is_a_bot() {
    let anonymous = json!({
        "text": "x",
        "from": { "id": 1_087_968_824, "is_bot": true, "first_name": "Group" },
        "sender_chat": { "id": -1_005, "type": "supergroup", "title": "Team" },
    });
    let sender = read(in_group(anonymous)).update.sender;
    assert_eq!((sender.id, sender.is_bot), (UserId::new("-1005"), false));
    let bot = json!({ "text": "x", "from": { "id": 9, "is_bot": true, "first_name": "B" } });
    assert!(read(in_group(bot)).update.sender.is_bot);
}

#[test]
fn where_the_bot_may_write_is_known() {
    let member = |kind: &str, member: Value| {
        let update = json!({ "update_id": 1, "my_chat_member": {
            "chat": { "id": -5, "type": kind }, "from": { "id": 7 }, "date": 1,
            "old_chat_member": { "status": "member" }, "new_chat_member": member,
        }});
        let read = read(update);
        assert_eq!((read.news, read.update.place.conversation.as_str()), (None, "-5"));
        read.update.kind
    };
    let is = |status: &str, kind: &str| member(kind, json!({ "status": status }));
    let barred = |how: &str| UpdateKind::Barred { how: how.into() };
    let admitted = |how: &str| UpdateKind::Admitted { how: how.into() };
    assert_eq!(is("kicked", "private"), barred("blocked"));
    assert_eq!(is("kicked", "group"), barred("kicked"));
    assert_eq!(is("left", "supergroup"), barred("removed"));
    assert_eq!(is("member", "private"), admitted("unblocked"));
    assert_eq!(is("member", "group"), admitted("added"));
    assert_eq!(is("administrator", "channel"), admitted("made an administrator"));
    let restricted = |is_member: bool, can_send_messages: bool| {
        let restricted = json!({
            "status": "restricted", "is_member": is_member, "can_send_messages": can_send_messages,
        });
        member("supergroup", restricted)
    };
    assert_eq!(restricted(true, true), admitted("restricted"));
    assert_eq!(restricted(true, false), barred("muted"));
    assert_eq!(restricted(false, true), barred("removed"));
    assert_eq!(is("tomorrow's", "group"), UpdateKind::Other { name: "my_chat_member".into() });
}

#[test]
fn a_group_that_became_a_supergroup_stays_the_conversation() {
    let link = link(Edited::Ignore);
    let moved = json!({ "update_id": 1, "message": {
        "message_id": 9, "date": 1, "chat": { "id": -5, "type": "group" }, "migrate_to_chat_id": -1_005,
    }});
    assert!(read_by(&link, moved).news.unwrap().contains("-1005"));
    let told = json!({ "update_id": 2, "message": {
        "message_id": 1, "date": 1, "chat": { "id": -1_005, "type": "supergroup" }, "migrate_from_chat_id": -5,
    }});
    read_by(&link, told);
    let said = read_by(
        &link,
        in_group(json!({ "text": "/new", "entities": [{ "type": "bot_command", "offset": 0, "length": 4 }] })),
    );
    assert_eq!(said.update.place.conversation, ConversationId::new("-5"));
    assert_eq!(posted(&said).id, MessageId::new("-1005:5"));
}

#[test]
fn what_is_counted_but_unreadable_is_named() {
    let link = link(Edited::Ignore);
    let me = Me { id: 4711, username: String::new() };
    let half = r#"{"update_id":7,"message":{"message_id":1,"chat":{"id":7,"type":"private"},"text":"\ud83d"}}"#;
    let endless = r#"{"message":{"date":1e999},"update_id":7}"#.to_owned();
    let deep = format!(r#"{{"update_id":7,"message":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for json in [half.to_owned(), endless, deep] {
        let read = Reader { link: &link, me: &me }.read(&json).expect(&json);
        assert_eq!((read.number, read.update.id), (7, UpdateId::new("7")));
        assert_eq!(read.update.kind, UpdateKind::Other { name: "unreadable".into() });
        assert!(read.news.is_some());
    }
    assert_eq!(Reader { link: &link, me: &me }.read(r#"{"message":{"text":"\ud83d"}}"#), None);
}

#[test]
fn what_a_person_sent_is_answered_even_if_nobody_here_knows_what_it_is() {
    for content in ["rich_message", "live_photo", "giveaway", "invoice", "hologram"] {
        let sent = read(in_private(json!({ (content): { "of": "some kind" } })));
        assert!(posted(&sent).is_addressed && posted(&sent).text.is_empty(), "{content}");
    }
    for service in ["pinned_message", "write_access_allowed", "forum_topic_created", "video_chat_started"] {
        assert_eq!(other(in_private(json!({ (service): {} }))), format!("service message: {service}"));
    }
}

#[test]
fn a_command_for_another_bot_is_not_for_us_even_in_private() {
    let command = json!([{ "type": "bot_command", "offset": 0, "length": 14 }]);
    let other = json!({ "text": "/new@other_bot", "entities": command });
    assert!(!posted(&read(in_private(other))).is_addressed);
    let command = json!([{ "type": "bot_command", "offset": 0, "length": 17 }]);
    assert!(posted(&read(in_private(json!({ "text": "/new@lastword_bot", "entities": command })))).is_addressed);
}

#[test]
fn marks_nest_and_go_with_a_mention_that_is_cut() {
    let both = json!([{ "type": "bold", "offset": 0, "length": 1 }, { "type": "italic", "offset": 0, "length": 1 }]);
    assert_eq!(posted(&read(in_private(json!({ "text": "x", "entities": both })))).text, "**_x_**");
    let bold = |mention: usize, from: usize, length: usize| {
        json!([
            { "type": "bold", "offset": from, "length": length },
            { "type": "mention", "offset": mention, "length": 13 },
        ])
    };
    assert_eq!(heard("@lastword_bot /new", bold(0, 0, 13)).as_deref(), Some("/new"));
    assert_eq!(heard("@lastword_bot, hello there", bold(0, 0, 20)).as_deref(), Some("**hello** there"));
    assert_eq!(heard("so hello @lastword_bot", bold(9, 3, 19)).as_deref(), Some("so **hello**"));
    assert_eq!(heard("@lastword_bot", bold(0, 0, 13)).as_deref(), Some(""));
}
