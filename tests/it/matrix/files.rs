//! Files both ways, by the real binary, in plain and in encrypted rooms.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use serde_json::json;

use super::network::{is_answered_once, says, shown, world};
use crate::world::Matrix;

#[tokio::test]
async fn what_a_person_sends_reaches_the_agent_and_what_it_leaves_comes_back() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let bot = matrix.bot().user.as_str();
    let data: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for (n, room) in [alice.direct(bot).await, alice.secret(bot).await].into_iter().enumerate() {
        let how = json!({ "caption": format!("copy #c{n}"), "mime": "application/octet-stream" });
        alice.sends(&room, "../../bytes?.bin", &data, how).await;
        let word = says(&world, &matrix, &alice, &room, &format!("done #c{n}")).await;
        assert!(word.now().text.contains("(`../../bytes?.bin`, "), "{word:?}");
        alice.says(&room, &format!("pictures #p{n}")).await;
        says(&world, &matrix, &alice, &room, &format!("done #p{n}")).await;
        let files = world
            .until("the files are there", async |_| {
                let shown = shown(&matrix, &alice, &room).await.into_iter();
                let files: Vec<_> = shown.filter(|message| message.kind() != "m.text").collect();
                (files.len() == 4).then_some(files)
            })
            .await;
        let kinds: Vec<_> = files.iter().map(|file| file.kind()).collect();
        assert_eq!(kinds, ["m.file", "m.image", "m.image", "m.image"]);
        assert_eq!(alice.fetches(&files[0]).await, data);
        assert_eq!(alice.fetches(&files[1]).await, b"\x89PNG\r\n\x1a\n1");
        let is_secret = files.iter().map(|file| file.event.content["file"]["key"].is_object());
        assert!(is_secret.clone().all(|is_secret| is_secret == (n == 1)), "{files:?}");
    }
    is_answered_once(&world, &matrix, &alice).await;
}

#[tokio::test]
async fn a_picture_is_shown_in_small_to_whoever_may_see_it() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let bot = matrix.bot().user.as_str();
    let pixel = |x: u32, y: u32| image::Rgb([(x / 3 * 7) as u8, (y / 3 * 11) as u8, (x * y / 5) as u8]);
    let mut whole = Cursor::new(Vec::new());
    RgbImage::from_fn(1_000, 700, pixel).write_to(&mut whole, ImageFormat::Png).unwrap();
    for (n, room) in [alice.direct(bot).await, alice.secret(bot).await].into_iter().enumerate() {
        let how = json!({ "caption": format!("copy #c{n}"), "mime": "image/png", "kind": "m.image" });
        alice.sends(&room, "view.png", whole.get_ref(), how).await;
        let picture = world
            .until("it comes back", async |_| {
                shown(&matrix, &alice, &room).await.into_iter().find(|message| message.kind() == "m.image")
            })
            .await;
        let about = &picture.event.content["info"];
        let small = &about["thumbnail_info"];
        assert_eq!(
            [&about["w"], &about["h"], &small["w"], &small["h"]],
            [1_000, 700, 800, 560].map(|pixels| json!(pixels)).each_ref(),
            "{about}"
        );
        let place =
            if n == 0 { json!({ "url": about["thumbnail_url"] }) } else { json!({ "file": about["thumbnail_file"] }) };
        let bytes = alice.does("fetch", json!({ "content": place })).await;
        let bytes: Vec<u8> = bytes.as_str().unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect();
        let drawn = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap();
        assert_eq!((drawn.width(), drawn.height(), json!(bytes.len())), (800, 560, small["size"].clone()));
    }
    is_answered_once(&world, &matrix, &alice).await;
}
