//! Files that come with messages and go with answers. What people and agents call them is data, and never a path.

use serde::{Deserialize, Serialize};

/// The longest name that is shown, in characters.
const NAME_CHARS_MAX: usize = 80;
/// The longest name that a file gets here, in bytes; file systems take 255, and numbers of ours stand before it.
const NAME_BYTES_MAX: usize = 160;

/// What a conversation does with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLimits {
    /// The largest that can be sent, in bytes.
    pub upload_bytes_max: u64,
    /// How many can be sent as one message; at least 1.
    pub album_max: u32,
}

/// A file that came with a message, and is still on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFile {
    /// What its provider fetches it by; opaque to everybody else.
    pub handle: String,
    /// As its sender called it, or what it is, such as `photo.jpg`.
    pub name: String,
    /// How large it is, in bytes, if the network says so.
    pub size_bytes: Option<u64>,
}

/// What became of a [`RemoteFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetched {
    /// It lies in the working directory of its turn.
    Here {
        /// Its path there, made of our own numbers and [`plain_name`].
        path: String,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// It can't be had.
    Failed {
        /// Why, for people.
        why: String,
    },
}

/// A file of a turn, as its agent is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnFile {
    /// As its sender called it.
    pub name: String,
    /// What became of it.
    pub fetched: Fetched,
}

/// A file that an agent left, kept where no agent can change it until it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutFile {
    /// Where it is kept: a path in the deployment's spool, made of our own numbers.
    pub kept: String,
    /// As the agent called it.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// What a file is, as far as networks show it in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileClass {
    /// A picture.
    Image,
    /// A moving one.
    Video,
    /// Sound.
    Audio,
    /// Anything else.
    Document,
}

impl FileClass {
    /// By the ending of its name: a guess, which a network may refuse.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("jpg" | "jpeg" | "png" | "webp") => Self::Image,
            Some("mp4" | "mov" | "m4v") => Self::Video,
            Some("mp3" | "m4a" | "ogg" | "oga" | "opus" | "flac" | "wav") => Self::Audio,
            _ => Self::Document,
        }
    }

    /// Whether both may be in one album.
    fn goes_with(self, other: Self) -> bool {
        let is_seen = |class| matches!(class, Self::Image | Self::Video);
        self == other || (is_seen(self) && is_seen(other))
    }
}

/// Files as messages: neighbours that go together share one, as far as the limits let them; a message is one upload.
#[must_use]
pub fn albums(files: Vec<OutFile>, limits: FileLimits) -> Vec<Vec<OutFile>> {
    let mut albums: Vec<Vec<OutFile>> = Vec::new();
    for file in files {
        let class = FileClass::of(&file.name);
        let goes_with = |other: &OutFile| class.goes_with(FileClass::of(&other.name));
        match albums.last_mut() {
            Some(album)
                if album.len() < limits.album_max as usize
                    && album.iter().all(goes_with)
                    && album.iter().map(|file| file.size_bytes).sum::<u64>() + file.size_bytes
                        <= limits.upload_bytes_max =>
            {
                album.push(file);
            }
            _ => albums.push(vec![file]),
        }
    }
    albums
}

/// A name as one plain part of a path: letters, digits, and few signs; never hidden, never empty.
#[must_use]
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let (stem, ending) = match name.trim().rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.chars().count() <= 12 => (stem, Some(ending)),
        _ => (name.trim(), None),
    };
    let stem: String = stem.chars().map(plain).collect();
    let (stem, has_ending) = (stem.trim_start_matches('.'), ending.is_some());
    let ending: String = ending.map(|ending| ending.chars().map(plain).collect()).unwrap_or_default();
    let dot = if has_ending { "." } else { "" };
    let room = NAME_BYTES_MAX - ending.len() - dot.len();
    let stem = &stem[..stem.floor_char_boundary(room)];
    format!("{}{dot}{ending}", if stem.is_empty() { "file" } else { stem })
}

/// A name as people may read it: nothing in it breaks a line, ends a quote, or steers a terminal or the direction of text.
#[must_use]
pub fn shown_name(name: &str) -> String {
    let is_direction =
        |c| matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| if c.is_control() || c == '`' || is_direction(c) { '\u{FFFD}' } else { c };
    name.chars().take(NAME_CHARS_MAX).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(albums: &[Vec<OutFile>]) -> Vec<String> {
        let names = |album: &Vec<OutFile>| album.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(" ");
        albums.iter().map(names).collect()
    }

    fn files(names: &str) -> Vec<OutFile> {
        names.split(' ').map(|name| OutFile { kept: "1".into(), name: name.into(), size_bytes: 1 }).collect()
    }

    fn limits(album_max: u32) -> FileLimits {
        FileLimits { upload_bytes_max: 5, album_max }
    }

    #[test]
    fn only_what_goes_together_shares_a_message() {
        let all = files("a.png b.mp4 c.pdf d.txt e.mp3 f.ogg g.JPG");
        assert_eq!(names(&albums(all.clone(), limits(10))), ["a.png b.mp4", "c.pdf d.txt", "e.mp3 f.ogg", "g.JPG"]);
        assert_eq!(albums(all, limits(1)).len(), 7);
        assert_eq!(names(&albums(files("1 2 3 4 5 6"), limits(10))), ["1 2 3 4 5", "6"]);
        assert_eq!(names(&albums(files("1 2 3 4 5"), limits(2))), ["1 2", "3 4", "5"]);
    }

    #[test]
    fn a_name_is_never_a_path() {
        let told =
            ["report.pdf", "../../etc/passwd", ".ssh", "a/b\\c d.txt", "", "..", "Übersicht (1).xlsx", "a\0b.\n"];
        let plain = told.map(plain_name);
        insta::assert_debug_snapshot!(plain, @r#"
        [
            "report.pdf",
            "_.._etc_passwd",
            "ssh",
            "a_b_c_d.txt",
            "file",
            "file.",
            "Übersicht__1_.xlsx",
            "a_b.",
        ]
        "#);
        assert_eq!(plain_name(&"x".repeat(200)).len(), NAME_BYTES_MAX);
        assert_eq!(plain_name(&format!("{}.pdf", "x".repeat(200))).len(), NAME_BYTES_MAX);
        assert!(plain_name(&format!("{}.𝐩𝐝𝐟", "𝐱".repeat(200))).len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn a_shown_name_steers_nothing() {
        assert_eq!(shown_name("a`b\u{1b}\u{202e}.pdf\n"), "a\u{FFFD}b\u{FFFD}\u{FFFD}.pdf\u{FFFD}");
    }
}
