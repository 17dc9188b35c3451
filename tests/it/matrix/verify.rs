//! Comparing emoji, so that clients know our device from an intruder's.

use std::process::Stdio;

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};

use super::network::{account, listens, says, shown, world};
use crate::world::{Matrix, PATIENCE, Person, Settings, World};

/// `lastword matrix verify`, with somebody in front of it.
struct Verifying {
    child: Child,
    types: ChildStdin,
    shows: Lines<BufReader<ChildStdout>>,
    complains: Lines<BufReader<ChildStderr>>,
}

impl Verifying {
    fn start(world: &World, more: &[&str]) -> Self {
        let args = [&["matrix", "verify"], more].concat();
        let mut child = Command::from(world.lastword(&args))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let types = child.stdin.take().unwrap();
        let shows = BufReader::new(child.stdout.take().unwrap()).lines();
        let complains = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, types, shows, complains }
    }

    /// The next line that holds this.
    async fn shows(&mut self, words: &str) -> String {
        let line = async {
            while let Some(line) = self.shows.next_line().await.unwrap() {
                if line.contains(words) {
                    return line;
                }
            }
            panic!("it ended without {words:?}")
        };
        tokio::time::timeout(PATIENCE, line).await.unwrap_or_else(|_| panic!("{words:?} is not shown"))
    }

    /// The same of what is said beside.
    async fn hears(&mut self, words: &str) {
        let line = tokio::time::timeout(PATIENCE, self.complains.next_line()).await.expect("it is said");
        assert!(line.unwrap().is_some_and(|line| line.contains(words)));
    }

    /// The emoji with their names.
    async fn row(&mut self) -> String {
        self.shows("With ").await;
        self.shows("   ").await.trim().to_owned()
    }

    async fn types(&mut self, answer: &str) {
        self.types.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }

    /// Whether it went well, and what it complained of.
    async fn ends(self) -> (bool, String) {
        // Its questions are read to their end, so that it can go on.
        let Self { mut child, types: _types, mut shows, mut complains } = self;
        let ending = async {
            while shows.next_line().await.unwrap().is_some() {}
            let mut heard = Vec::new();
            while let Some(line) = complains.next_line().await.unwrap() {
                heard.push(line);
            }
            (child.wait().await.unwrap().success(), heard.join("\n"))
        };
        tokio::time::timeout(PATIENCE, ending).await.expect("it ends")
    }
}

/// Somebody whose own client opens a room of the two with the bot; then a program with the same account takes its place.
async fn other(matrix: &Matrix, name: &str) -> (World, String) {
    let bot = matrix.bot().user.as_str();
    let person = matrix.person(name).await;
    let room = person.secret(bot).await;
    person.does("marks_direct", json!({ "user": bot, "room": room })).await;
    let lines = account(matrix, "allow: { users: ['*'] }").replace(bot, person.id());
    let mut world = World::start_with(Settings { accounts: lines, ..Settings::default() }).await;
    listens(&world).await;
    world.stop().await;
    (world, room)
}

/// Whether somebody's identity has signed the bot's: what only they are told.
async fn has_verified(person: &Person<'_>, bot: &str) -> bool {
    let keys = json!({ "method": "POST", "path": "keys/query", "body": { "device_keys": { bot: [] } } });
    let keys = person.does("ask", keys).await;
    keys["master_keys"][bot]["signatures"][person.id()].is_object()
}

/// Both show the same row; each says what is told.
async fn compare(mut asks: Verifying, mut asked: Verifying, answers: [&str; 2]) -> [(bool, String); 2] {
    let row = asks.row().await;
    assert_eq!((row.split("   ").count(), asked.row().await), (7, row));
    asks.types("what?").await;
    asks.types(answers[0]).await;
    asked.types(answers[1]).await;
    [asks.ends().await, asked.ends().await]
}

#[tokio::test]
async fn two_accounts_verify_each_other_while_lastword_is_stopped_and_only_if_both_say_yes() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let mut world = world(&matrix, "").await;
    let bot = matrix.bot().user.as_str();
    let (other, room) = other(&matrix, "eve").await;
    let eve = matrix.of_name("eve");
    let (is_done, why) = Verifying::start(&world, &[]).ends().await;
    assert!(!is_done && why.contains("already uses"), "while it runs nobody else has its keys: {why}");
    world.stop().await;
    eve.says(&room, "go #t1").await;

    let mut asked = Verifying::start(&world, &[]);
    asked.shows(&format!("This is {bot} on device ")).await;
    let [asking, answering] = compare(Verifying::start(&other, &["--with", bot]), asked, ["no", "yes"]).await;
    assert!(!asking.0 && asking.1.contains("differs"), "{}", asking.1);
    assert!(!answering.0 && answering.1.contains("cancelled"), "{}", answering.1);
    assert!(!has_verified(&eve, bot).await);

    let mut asked = Verifying::start(&world, &["--account", "ada"]);
    asked.shows("Waiting").await;
    let ends = compare(Verifying::start(&other, &["--with", bot]), asked, ["yes", "Y"]).await;
    assert_eq!(ends, [(true, String::new()), (true, String::new())]);
    assert!(has_verified(&eve, bot).await);

    // What was said meanwhile is answered, and what only clients say to each other is not.
    world.start_supervisor();
    listens(&world).await;
    says(&world, &matrix, &eve, &room, "done #t1").await;
    world.judge().await;
    eve.catches_up().await;
    let texts: Vec<_> = shown(&matrix, &eve, &room).await.iter().map(|word| word.now().text.clone()).collect();
    assert_eq!(texts, ["done #t1"]);
}

#[tokio::test]
async fn nobody_who_may_not_talk_to_the_bot_is_verified_with() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let bot = matrix.bot().user.as_str();
    let mut world = world(&matrix, "").await;
    let (mallory, _) = other(&matrix, "mallory").await;
    let (eve, _) = other(&matrix, "eve").await;
    world.stop().await;
    let configuration = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), configuration.replace("['*']", "['@eve:localhost']")).unwrap();
    let mut asked = Verifying::start(&world, &[]);
    asked.shows("Waiting").await;
    let refused = Verifying::start(&mallory, &["--with", bot]);
    asked.hears("@mallory:localhost asked").await;
    let ends = compare(Verifying::start(&eve, &["--with", bot]), asked, ["yes", "yes"]).await;
    assert!(ends.iter().all(|(is_done, _)| *is_done), "{ends:?}");
    assert!(!has_verified(&matrix.of_name("mallory"), bot).await);
    drop(refused);
}

#[tokio::test]
async fn a_new_session_of_the_account_is_trusted_by_the_other() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let bot = matrix.bot().user.as_str();
    let (mut first, mut second) = (world(&matrix, "").await, world(&matrix, "").await);
    first.stop().await;
    second.stop().await;
    let mut asked = Verifying::start(&first, &[]);
    asked.shows("Waiting").await;
    let ends = compare(Verifying::start(&second, &["--with", bot]), asked, ["yes", "yes"]).await;
    assert_eq!(ends, [(true, String::new()), (true, String::new())]);
    let (is_done, why) = Verifying::start(&first, &["--with", "eve"]).ends().await;
    assert!(!is_done && why.contains("write it as @you:example.org"), "{why}");
}
