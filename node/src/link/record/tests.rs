//! Records are decrypted once, in order and unchanged.

use super::*;
use crate::link::test_support::keys;

fn ends() -> (Sealer, Opener) {
    let [here, there] = keys();
    (Sealer::new(here), Opener::new(there))
}

fn seal(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let mut records = Buffer::default();
    sealer.seal(plain, &mut records);
    records.waiting().to_vec()
}

fn buffer(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::default();
    buffer.put(bytes);
    buffer
}

fn open(opener: &mut Opener, record: &[u8]) -> Result<Option<Vec<u8>>, LinkError> {
    let (mut record, mut plain) = (buffer(record), Buffer::default());
    let result = opener.open(&mut record, &mut plain)?;
    assert_eq!(result, record.is_empty());
    Ok(result.then(|| plain.waiting().to_vec()))
}

#[test]
fn many_bytes_go_into_few_records() {
    let (mut sealer, mut opener) = ends();
    let bytes: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let record = seal(&mut sealer, &bytes);
    assert_eq!(record.len(), bytes.len() + 4 * (HEADER_BYTES + TAG_BYTES));
    let (mut record, mut plain) = (buffer(&record), Buffer::default());
    for _ in 0..4 {
        assert!(opener.open(&mut record, &mut plain).unwrap());
    }
    assert!(record.is_empty());
    assert_eq!(plain.waiting(), bytes);
}

#[test]
fn nothing_makes_no_record() {
    let (mut sealer, mut opener) = ends();
    assert!(seal(&mut sealer, b"").is_empty());
    let second = seal(&mut sealer, b"first");
    assert_eq!(open(&mut opener, &second).unwrap().unwrap(), b"first");
}

#[test]
fn an_incomplete_record_waits_for_the_rest() {
    let (mut sealer, mut opener) = ends();
    let record = seal(&mut sealer, b"hello");
    for end in 1..record.len() {
        assert_eq!(open(&mut opener, &record[..end]).unwrap(), None);
    }
    assert_eq!(open(&mut opener, &record).unwrap().unwrap(), b"hello");
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let [here, there] = keys();
    let record = seal(&mut Sealer::new(here), b"hello");
    for bit in 0..8 * record.len() {
        let mut record = record.clone();
        record[bit / 8] ^= 1 << (bit % 8);
        let (mut record, mut plain) = (buffer(&record), buffer(b"before"));
        let result = Opener::new(there.clone()).open(&mut record, &mut plain);
        assert!(matches!(result, Err(LinkError::Record)), "{bit}");
        assert_eq!(plain.waiting(), b"before", "{bit}");
    }
}

#[test]
fn a_record_is_opened_once_and_in_order() {
    let (mut sealer, mut opener) = ends();
    let first = seal(&mut sealer, b"first");
    let second = seal(&mut sealer, b"second");
    assert!(matches!(open(&mut opener, &second), Err(LinkError::Record)));
    assert!(open(&mut opener, &first).unwrap().is_some());
    assert!(matches!(open(&mut opener, &first), Err(LinkError::Record)));
}

#[test]
fn a_record_sent_back_is_refused() {
    let [here, _] = keys();
    let record = seal(&mut Sealer::new(here.clone()), b"hello");
    let result = open(&mut Opener::new(here), &record);
    assert!(matches!(result, Err(LinkError::Record)));
}

#[test]
fn lengths_that_cannot_be_are_refused_at_once() {
    let (_, mut opener) = ends();
    for header in [[0xff; 4], [0; 4], header_of(0), header_of(15)] {
        assert!(matches!(open(&mut opener, &header), Err(LinkError::Record)));
    }
    let longest = [&header_of(u16::MAX)[..], &vec![7; u16::MAX.into()]].concat();
    assert_eq!(open(&mut opener, &longest[..100]).unwrap(), None);
    assert!(matches!(
        open(&mut opener, &longest),
        Err(LinkError::Record)
    ));
}
