//! Files: up, shared, and down.

use super::*;

#[tokio::test]
async fn a_file_is_announced_uploaded_and_shared_in_a_thread() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let mut link = sides.connects().await;
    let root = sides.says(json!({ "channel": channel, "text": "notes?" })).await;
    link.takes().await;
    let made = sides.asks("files.getUploadURLExternal", json!({ "filename": "notes.txt", "length": 4 })).await;
    let (url, id) = (made["upload_url"].as_str().unwrap(), made["file_id"].as_str().unwrap());
    let complete = json!({ "files": [{ "id": id, "title": "Notes" }], "channel_id": channel, "thread_ts": root,
                           "initial_comment": "here" });
    assert_eq!(sides.refused("files.completeUploadExternal", complete.clone()).await, "file_not_found");
    assert_eq!(sides.http.post(url).body("mil").send().await.unwrap().status(), 400, "not as long as announced");
    assert_eq!(sides.http.post(url).body("milk").send().await.unwrap().text().await.unwrap(), "OK - 4");
    let done = sides.asks("files.completeUploadExternal", complete.clone()).await;
    assert_eq!(done["files"], json!([{ "id": id, "title": "Notes" }]), "no ts is told");
    let event = link.takes().await["payload"]["event"].clone();
    assert_eq!((&event["subtype"], &event["thread_ts"]), (&json!("file_share"), &json!(root)));
    assert_eq!((&event["text"], &event["files"][0]["title"]), (&json!("here"), &json!("Notes")));
    let file = sides.asks("files.info", json!({ "file": id })).await["file"].clone();
    assert_eq!(file["shares"]["public"][&channel][0]["ts"], event["ts"]);
    assert_eq!(sides.refused("files.completeUploadExternal", complete).await, "file_not_found", "it is done once");
}

#[tokio::test]
async fn a_download_needs_the_token_and_else_leads_to_a_page() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let mut link = sides.connects().await;
    let files = json!([{ "name": "list.txt", "text": "milk" }]);
    sides.says(json!({ "channel": channel, "text": "see", "files": files })).await;
    let event = link.takes().await["payload"]["event"].clone();
    let file = &event["files"][0];
    assert_eq!(
        (&file["mimetype"], &file["size"], &event["subtype"]),
        (&json!("text/plain"), &json!(4), &json!("file_share"))
    );
    for address in ["url_private", "url_private_download"] {
        let address = file[address].as_str().unwrap();
        let whole = sides.http.get(address).bearer_auth(sides.my("token")).send().await.unwrap();
        assert_eq!(whole.text().await.unwrap(), "milk");
        let strange = sides.http.get(address).bearer_auth("xoxb-nobody").send().await.unwrap();
        assert_eq!(strange.status(), 302);
        let page = strange.headers()["location"].to_str().unwrap().to_owned();
        let page = sides.http.get(format!("{}{page}", sides.server.url())).send().await.unwrap();
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    }
    sides.does("faults", json!({ "method": "download", "faults": [{ "kind": "cut_after" }] })).await;
    let address = file["url_private"].as_str().unwrap();
    let half = sides.http.get(address).bearer_auth(sides.my("token")).send().await.unwrap();
    assert!(half.bytes().await.is_err());
    sides.does("lose_files", json!({})).await;
    let lost = sides.http.get(address).bearer_auth(sides.my("token")).send().await.unwrap();
    assert_eq!(lost.status(), 404);
}
