//! Whatever a crash, a disk or a hand made of a journal: what is whole is read, what is damaged is counted, and nothing
//! is read that was never written.

use std::fs::OpenOptions;

use lastword_core::{corpus, reason::Reason};
use proptest::prelude::*;

use super::*;
use crate::journal::{record::read, replay::number_of};

fn records() -> impl Strategy<Value = Record> {
    let fence = (any::<i64>(), any::<u32>())
        .prop_map(|(turn, attempt)| Fence { turn: TurnId(turn), attempt: Attempt(attempt) });
    let end = prop_oneof![
        Just(End::Answered),
        prop::sample::select(Reason::examples()).prop_map(End::Errored),
        "[\\PC\\pC]{0,20}".prop_map(|line| End::Errored(Reason::AgentFailed { line })),
    ];
    let parts = prop::collection::vec("[\\PC\\pC]{0,30}", 0..4);
    prop_oneof![
        3 => (fence.clone(), end, parts, any::<Option<u64>>(), "[a-z0-9-]{0,9}").prop_map(|(fence, end, parts, if_progress, deployment)| {
            Record::Answer { deployment, verdict: Verdict { fence, end, parts, files: Vec::new(), if_progress } }
        }),
        1 => fence.prop_map(Record::Settled),
    ]
}

/// The records as a file, and where each line begins.
fn written(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let (mut text, mut begins) = (Vec::new(), Vec::new());
    for record in records {
        begins.push(text.len());
        text.extend(line(record).unwrap());
    }
    (text, begins)
}

#[test]
fn every_seed_is_read_as_far_as_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut said = String::new();
    for (name, text) in corpus::seeds(env!("CARGO_MANIFEST_DIR"), "journal") {
        let (records, damaged) = read::<Record>(&text);
        fs::write(directory.path().join("worker-1.journal"), &text).unwrap();
        let replay = Replay::read(directory.path(), &worker(), HERE, Unreadable::IsNoAnswer).unwrap();
        let (answers, foreign) = (replay.answers.len(), replay.foreign.len());
        said +=
            &format!("{name}: {} records, {damaged} damaged; {answers} answers, {foreign} foreign\n", records.len());
    }
    assert_eq!(
        said,
        "byte-order-mark.journal: 1 records, 1 damaged; 1 answers, 0 foreign\n\
         capital-checksum.journal: 1 records, 0 damaged; 1 answers, 0 foreign\n\
         crlf.journal: 0 records, 1 damaged; 0 answers, 0 foreign\n\
         empty.journal: 0 records, 0 damaged; 0 answers, 0 foreign\n\
         foreign.journal: 1 records, 0 damaged; 0 answers, 1 foreign\n\
         huge-number.journal: 0 records, 1 damaged; 0 answers, 0 foreign\n\
         nested.journal: 0 records, 1 damaged; 0 answers, 0 foreign\n\
         not-text.journal: 1 records, 1 damaged; 1 answers, 0 foreign\n\
         of-a-newer-build.journal: 2 records, 1 damaged; 2 answers, 0 foreign\n\
         settled.journal: 3 records, 0 damaged; 1 answers, 0 foreign\n\
         torn.journal: 1 records, 0 damaged; 1 answers, 0 foreign\n\
         unknown-reason.journal: 0 records, 1 damaged; 0 answers, 0 foreign\n\
         whole.journal: 3 records, 0 damaged; 3 answers, 0 foreign\n\
         zeros-behind.journal: 1 records, 0 damaged; 1 answers, 0 foreign\n\
         zeros-between.journal: 2 records, 1 damaged; 2 answers, 0 foreign\n"
    );
}

proptest! {
    #[test]
    fn what_is_written_reads_back_from_any_cut(records in prop::collection::vec(records(), 0..6), cut in any::<prop::sample::Index>()) {
        let (text, begins) = written(&records);
        prop_assert_eq!(read(&text), (records.clone(), 0));
        let cut = cut.index(text.len() + 1);
        let whole = begins.iter().skip(1).chain([&text.len()]).filter(|end| **end <= cut && !records.is_empty()).count();
        prop_assert_eq!(read(&text[..cut]), (records[..whole].to_vec(), 0), "cut off in mid-write");
    }

    #[test]
    fn damage_makes_nothing_up_and_takes_only_what_it_touches(
        records in prop::collection::vec(records(), 1..6),
        spoiled in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let (whole, begins) = written(&records);
        let mut text = whole.clone();
        for (at, change) in &spoiled {
            text[at.index(whole.len())] ^= change;
        }
        let (found, damaged) = read(&text);
        let is_touched = |nth: usize| {
            let end = begins.get(nth + 1).copied().unwrap_or(whole.len());
            // With the end of the line before, which tells where this one begins.
            let begin = begins[nth].saturating_sub(1);
            whole[begin..end] != text[begin..end]
        };
        let untouched: Vec<_> = (0..records.len()).filter(|nth| !is_touched(*nth)).map(|nth| records[nth].clone()).collect();
        for record in &found {
            prop_assert!(records.contains(record), "never written: {:?}", record);
        }
        for record in &untouched {
            prop_assert!(found.contains(record), "was whole: {:?}", record);
        }
        let is_torn = text.last() != Some(&b'\n');
        prop_assert!(damaged > 0 || is_torn || found == records, "damage that nobody hears of");
    }

    #[test]
    fn no_bytes_are_a_record_by_chance(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'0'), any::<u8>()], 0..200)) {
        prop_assert!(read::<Record>(&bytes).0.is_empty());
    }

    #[test]
    fn a_files_name_tells_its_owner_and_its_place(owner in "[a-zA-Z0-9_-]{1,20}", n in 1_u32..) {
        let directory = tempfile::tempdir().unwrap();
        let owner = IncarnationId::new(owner);
        for n in [0, n] {
            let (path, _) = create(directory.path(), &owner, n).unwrap();
            let name = path.file_name().unwrap();
            prop_assert_eq!(name.to_str().and_then(owner_of), Some(owner.clone()));
            prop_assert_eq!(number_of(name), n);
        }
        prop_assert_eq!(owners(directory.path()).unwrap(), BTreeSet::from([owner]));
    }

    #[test]
    fn strange_names_in_the_directory_hide_nobodys_answers(names in prop::collection::vec("[a-z.\\PC]{0,12}(\\.journal)?", 0..6)) {
        let directory = tempfile::tempdir().unwrap();
        let journal = journal(&directory);
        journal.keep(&verdict(1));
        journal.flush().unwrap();
        for name in names.iter().filter(|name| !name.contains(['/', '\0']) && !["", ".", ".."].contains(&name.as_str())) {
            let _ = OpenOptions::new().write(true).create_new(true).open(directory.path().join(name));
        }
        prop_assert_eq!(replayed(&directory), [verdict(1)]);
        prop_assert!(owners(directory.path()).unwrap().contains(&worker()));
    }
}
