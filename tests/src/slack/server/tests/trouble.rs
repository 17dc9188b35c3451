//! Faults, limits and outages.

use super::*;

#[tokio::test]
async fn a_fault_says_whether_the_request_is_applied() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let url = format!("{}/api/chat.postMessage", sides.server.url());
    let faults = [
        (json!({ "kind": "drop_before" }), false),
        (json!({ "kind": "cut_after" }), true),
        (json!({ "kind": "limited", "retry_after_s": 7 }), false),
        (json!({ "kind": "limited", "retry_after_s": 7, "is_bare": true }), false),
        (json!({ "kind": "error_before", "error": "internal_error" }), false),
        (json!({ "kind": "error_after", "error": "fatal_error" }), true),
        (json!({ "kind": "gateway_before" }), false),
        (json!({ "kind": "gateway_after" }), true),
        (json!({ "kind": "garble_after" }), true),
        (json!({ "kind": "delay_before", "ms": 5 }), true),
        (json!({ "kind": "delay_after", "ms": 5 }), true),
    ];
    let list: Vec<_> = faults.iter().map(|(fault, _)| fault).collect();
    sides.does("faults", json!({ "method": "chat.postMessage", "channel": channel, "skip": 1, "faults": list })).await;
    sides.posts(json!({ "channel": channel, "text": "passes" })).await;
    for (n, (fault, is_applied)) in faults.iter().enumerate() {
        let body = json!({ "channel": channel, "text": format!("n{n}") });
        let answer = sides.http.post(&url).bearer_auth(sides.my("token")).json(&body).send().await;
        let said = match answer {
            Ok(answer) => {
                if fault["kind"] == "limited" {
                    assert_eq!(
                        (answer.status().as_u16(), &answer.headers()["retry-after"]),
                        (429, &"7".parse().unwrap())
                    );
                    assert_eq!(answer.headers().get("content-type").is_none(), fault["is_bare"] == true);
                }
                answer.json::<Value>().await.map(|answer| answer["ok"] == true)
            }
            Err(error) => Err(error),
        };
        let is_late = fault["kind"].as_str().unwrap().starts_with("delay");
        assert_eq!(said.unwrap_or(false), is_late, "{fault}");
        let was_applied = sides.book().await.messages.iter().any(|message| message.now().text == format!("n{n}"));
        assert_eq!(was_applied, *is_applied, "{fault}");
    }
}

#[tokio::test]
async fn a_delayed_request_is_applied_although_its_sender_is_gone() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    sides.does("faults", json!({ "faults": [{ "kind": "delay_before", "ms": 50 }] })).await;
    let post = sides.asks("chat.postMessage", json!({ "channel": channel, "text": "late" }));
    let sender = tokio::select! {
        _ = post => "answered",
        () = async { while sides.book().await.calls.is_empty() {} } => "gone",
    };
    assert_eq!(sender, "gone");
    sides.until("it is applied", |book| (!book.messages.is_empty()).then_some(())).await;
}

#[tokio::test]
async fn limits_are_by_channel_and_by_method() {
    let sides = Sides::start().await;
    let (one, two) = (sides.channel().await, sides.channel().await);
    sides.does("settings", json!({ "limits": { "post_burst": 1 } })).await;
    let post = async |channel: &str| {
        let url = format!("{}/api/chat.postMessage", sides.server.url());
        let body = json!({ "channel": channel, "text": "x" });
        let answer = sides.http.post(url).bearer_auth(sides.my("token")).json(&body).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!([post(&one).await, post(&one).await, post(&one).await, post(&two).await], [200, 200, 429, 200]);
    let mut answers = Vec::new();
    for _ in 0..21 {
        answers.push(sides.asks_as(&sides.my("token"), "users.list", json!({})).await["error"].clone());
    }
    assert_eq!((&answers[19], &answers[20]), (&Value::Null, &json!("ratelimited")));
}

#[tokio::test]
async fn an_outage_cuts_sockets_and_keeps_everybody_out() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let url = format!("{}/api/api.test", sides.server.url());
    let at = sides.server.url().trim_start_matches("http://").to_owned();
    for outage in ["refuse", "cut", "hang", "gateway", "fail"] {
        let mut link = sides.connects().await;
        sides.does("settings", json!({ "outage": outage })).await;
        assert_eq!(link.next().await, None, "{outage}: sockets are cut");
        let fresh = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(200)).build().unwrap();
        let answer = fresh.post(&url).send().await;
        match outage {
            "refuse" => {
                let refused = TcpStream::connect(&at).await.unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            }
            "hang" => assert!(answer.unwrap_err().is_timeout()),
            "gateway" => assert_eq!(answer.unwrap().status(), 503),
            "fail" => assert_eq!(answer.unwrap().json::<Value>().await.unwrap()["error"], "internal_error"),
            _ => assert!(answer.is_err()),
        }
        sides.does("settings", json!({})).await;
        sides.posts(json!({ "channel": channel, "text": outage })).await;
    }
}
