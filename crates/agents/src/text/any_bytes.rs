//! Whatever an agent writes, in whatever pieces it arrives: the same text as in one piece, nothing lost, nothing for a
//! terminal, and no more kept than may be.

use lastword_core::corpus;
use proptest::prelude::*;

use super::{
    Answer, Tail,
    decode::Decoder,
    plain::plain,
    tail::{LINE_CHARS_MAX, TAIL_BYTES_MAX},
};

/// `bytes` in pieces as long as `cuts` say, over and over.
fn pieces<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at((*cut).clamp(1, rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// What holds for every output in every cut.
fn holds(bytes: &[u8], cuts: &[usize]) {
    let whole = String::from_utf8_lossy(bytes);
    let (mut decoder, mut decoded) = (Decoder::default(), String::new());
    let (mut answer, mut shown) = (Answer::default(), String::new());
    let (mut tail, mut at_once) = (Tail::default(), Tail::default());
    for piece in pieces(bytes, cuts) {
        decoder.push(piece, &mut decoded);
        shown.extend(answer.push(piece));
        tail.push(piece);
    }
    decoder.finish(&mut decoded);
    shown.extend(answer.finish());
    at_once.push(bytes);
    assert_eq!(decoded, whole);
    let text = answer.into_text();
    assert_eq!(shown, text, "what was shown is the answer");
    assert_eq!(text, plain(&whole).trim_end());
    assert_eq!(plain(&text), text, "cleaned twice is cleaned once");
    assert!(text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()), "{text:?}");
    let is_code = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !whole.contains(is_code) {
        assert_eq!(text, whole.trim_end(), "nothing was to be taken away");
    }
    let line = tail.last_line();
    assert_eq!(line, at_once.last_line());
    assert!(line.chars().count() <= LINE_CHARS_MAX && !line.chars().any(char::is_control), "{line:?}");
    if bytes.len() <= TAIL_BYTES_MAX {
        let last =
            plain(&whole).lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default().replace('\t', " ");
        let kept = line.strip_suffix('…').unwrap_or(&line);
        assert!(last.contains(kept) && line.is_empty() == last.is_empty(), "{line:?} of {last:?}");
    }
}

/// What a program writes: text, codes for a terminal that are whole, and what neither is.
fn written() -> impl Strategy<Value = Vec<(Vec<u8>, &'static str)>> {
    let text = prop_oneof![Just("one "), Just("€"), Just("漢字"), Just("\n"), Just("\t"), Just("a\u{301}"), Just("👩‍👩‍👧")];
    let code = prop_oneof![
        Just("\x1b[31m"),
        Just("\x1b[2K"),
        Just("\x1b[?25l"),
        Just("\x1b]0;ti€tle\x07"),
        Just("\x1b]8;;http://x\x1b\\"),
        Just("\x1b(B"),
        Just("\x1bM"),
        Just("\x1bPq#0\x1b\\"),
        Just("\r"),
        Just("\x08"),
        Just("\x07"),
        Just("\0"),
        Just("\x7f"),
        Just("\u{9b}"),
    ];
    let piece = prop_oneof![
        2 => text.prop_map(|text| (text.as_bytes().to_vec(), text)),
        1 => code.prop_map(|code| (code.as_bytes().to_vec(), "")),
    ];
    prop::collection::vec(piece, 0..60)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![prop::collection::vec(1_usize..5, 1..20), prop::collection::vec(1_usize..5_000, 1..6)]
}

#[test]
fn every_seed_is_read_as_any_output_is() {
    for (_, bytes) in corpus::seeds(env!("CARGO_MANIFEST_DIR"), "stream") {
        for cuts in [&[1][..], &[2, 3], &[7, 1], &[4_096], &[usize::MAX]] {
            holds(&bytes, cuts);
        }
    }
}

/// What real agents wrote, where there are recordings: every line of JSON is the same afterwards.
#[test]
fn recorded_streams_lose_nothing() {
    let Some(folder) = std::env::var_os("LASTWORD_SAMPLES") else {
        println!("not run: LASTWORD_SAMPLES is not set");
        return;
    };
    let mut streams = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for cuts in [&[1][..], &[3, 5, 2], &[16 * 1024]] {
            holds(&bytes, cuts);
        }
        let mut answer = Answer::default();
        answer.push(&bytes);
        answer.finish();
        let text = answer.into_text();
        let is_json =
            |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.is_object());
        let whole = String::from_utf8_lossy(&bytes);
        let (said, kept): (Vec<_>, Vec<_>) =
            (whole.lines().filter(is_json).collect(), text.lines().filter(is_json).collect());
        assert_eq!(kept, said, "{}", path.display());
        streams += usize::from(!said.is_empty());
    }
    assert!(streams >= 6, "{streams} of six agents' streams in {}", folder.display());
}

fn of_a_flood(lines: &[(String, usize)], cuts: &[usize]) {
    let flood: String = lines.iter().map(|(line, times)| format!("{line}\n").repeat(*times)).collect();
    holds(flood.as_bytes(), cuts);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_the_same_text(
        noise in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            Just(b"\x1b[".to_vec()), Just(b"\x1b]".to_vec()), Just(b"\x1b\\".to_vec()), Just(b"\n ".to_vec()),
        ], 0..80),
        cuts in cuts(),
    ) {
        holds(&noise.concat(), &cuts);
    }

    #[test]
    fn whole_codes_go_and_all_of_the_text_stays(written in written(), cuts in cuts()) {
        let bytes = written.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        let expected: String = written.iter().map(|(_, text)| *text).collect();
        holds(&bytes, &cuts);
        let mut answer = Answer::default();
        let _ = answer.push(&bytes);
        let _ = answer.finish();
        prop_assert_eq!(answer.into_text(), expected.trim_end());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 32))]

    #[test]
    fn of_a_flood_only_the_end_is_kept(
        lines in prop::collection::vec(("[a-zé\u{1b}\\[0-9m ]{0,300}", 1_usize..100), 1..6),
        cuts in prop::collection::vec(1_usize..100_000, 1..5),
    ) {
        of_a_flood(&lines, &cuts);
    }
}
