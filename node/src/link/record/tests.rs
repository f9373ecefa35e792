//! Records are decrypted once, in order and unchanged.

use super::*;
use crate::link::test_support::keys;

fn ends() -> (Encryptor, Decryptor) {
    let [here, there] = keys();
    (Encryptor::new(here), Decryptor::new(there))
}

fn encrypt(encryptor: &mut Encryptor, plain: &[u8]) -> Vec<u8> {
    let mut records = Buffer::default();
    encryptor.encrypt(Stream::Main, plain, &mut records);
    records.waiting().to_vec()
}

fn buffer(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::default();
    buffer.put(bytes);
    buffer
}

fn decrypt(decryptor: &mut Decryptor, record: &[u8]) -> Result<Option<Vec<u8>>, LinkError> {
    let (mut record, mut streams) = (buffer(record), Streams::default());
    let result = decryptor.decrypt(&mut record, &mut streams)?;
    assert_eq!(result.is_some(), record.is_empty());
    Ok(result.map(|_| streams.main.waiting().to_vec()))
}

#[test]
fn many_bytes_go_into_records_of_bounded_length() {
    let (mut encryptor, mut decryptor) = ends();
    let bytes: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let record = encrypt(&mut encryptor, &bytes);
    let records = bytes.len().div_ceil(RECORD_BYTES);
    assert_eq!(
        record.len(),
        bytes.len() + records * (RECORD_HEADER_BYTES + 1 + TAG_BYTES)
    );
    let (mut record, mut streams) = (buffer(&record), Streams::default());
    for _ in 0..records {
        let stream = decryptor.decrypt(&mut record, &mut streams).unwrap();
        assert_eq!(stream, Some(Stream::Main));
    }
    assert!(record.is_empty());
    assert_eq!(streams.main.waiting(), bytes);
}

#[test]
fn nothing_makes_no_record() {
    let (mut encryptor, mut decryptor) = ends();
    assert!(encrypt(&mut encryptor, b"").is_empty());
    let second = encrypt(&mut encryptor, b"first");
    assert_eq!(decrypt(&mut decryptor, &second).unwrap().unwrap(), b"first");
}

#[test]
fn an_incomplete_record_waits_for_the_rest() {
    let (mut encryptor, mut decryptor) = ends();
    let record = encrypt(&mut encryptor, b"hello");
    for end in 1..record.len() {
        assert_eq!(decrypt(&mut decryptor, &record[..end]).unwrap(), None);
    }
    assert_eq!(decrypt(&mut decryptor, &record).unwrap().unwrap(), b"hello");
}

#[test]
fn any_flipped_bit_is_detected() {
    let [here, there] = keys();
    let record = encrypt(&mut Encryptor::new(here), b"hello");
    for bit in 0..8 * record.len() {
        let mut record = record.clone();
        record[bit / 8] ^= 1 << (bit % 8);
        let mut streams = Streams::default();
        streams.main.put(b"before");
        let result = Decryptor::new(there.clone()).decrypt(&mut buffer(&record), &mut streams);
        assert!(matches!(result, Err(LinkError::Record)), "{bit}");
        assert_eq!(streams.main.waiting(), b"before", "{bit}");
        assert!(streams.urgent.is_empty(), "{bit}");
    }
}

#[test]
fn a_record_is_decrypted_once_and_in_order() {
    let (mut encryptor, mut decryptor) = ends();
    let first = encrypt(&mut encryptor, b"first");
    let second = encrypt(&mut encryptor, b"second");
    assert!(matches!(
        decrypt(&mut decryptor, &second),
        Err(LinkError::Record)
    ));
    assert!(decrypt(&mut decryptor, &first).unwrap().is_some());
    assert!(matches!(
        decrypt(&mut decryptor, &first),
        Err(LinkError::Record)
    ));
}

#[test]
fn a_record_sent_back_is_refused() {
    let [here, _] = keys();
    let record = encrypt(&mut Encryptor::new(here.clone()), b"hello");
    let result = decrypt(&mut Decryptor::new(here), &record);
    assert!(matches!(result, Err(LinkError::Record)));
}

#[test]
fn lengths_that_cannot_be_are_refused_at_once() {
    let (_, mut decryptor) = ends();
    for header in [[0xff; 4], [0; 4], record_header(0), record_header(15)] {
        assert!(matches!(
            decrypt(&mut decryptor, &header),
            Err(LinkError::Record)
        ));
    }
    let longest = [&record_header(u16::MAX)[..], &vec![7; u16::MAX.into()]].concat();
    assert_eq!(decrypt(&mut decryptor, &longest[..100]).unwrap(), None);
    assert!(matches!(
        decrypt(&mut decryptor, &longest),
        Err(LinkError::Record)
    ));
}

#[test]
fn each_record_continues_the_stream_that_it_names() {
    let (mut encryptor, mut decryptor) = ends();
    let mut records = Buffer::default();
    encryptor.encrypt(Stream::Main, b"half a ", &mut records);
    encryptor.encrypt(Stream::Urgent, b"now", &mut records);
    encryptor.encrypt(Stream::Main, b"frame", &mut records);
    let mut streams = Streams::default();
    for stream in [Stream::Main, Stream::Urgent, Stream::Main] {
        let continued = decryptor.decrypt(&mut records, &mut streams).unwrap();
        assert_eq!(continued, Some(stream));
    }
    assert_eq!(streams.main.waiting(), b"half a frame");
    assert_eq!(streams.urgent.waiting(), b"now");
}

#[test]
fn a_record_that_names_no_stream_is_refused() {
    for contents in [&[][..], b"hello\x02"] {
        let [here, there] = keys();
        let mut message = vec![0; contents.len() + TAG_BYTES];
        let length = here.write_message(0, contents, &mut message).unwrap();
        let record = [&record_header(length as u16)[..], &message].concat();
        let result = decrypt(&mut Decryptor::new(there), &record);
        assert!(matches!(result, Err(LinkError::Record)), "{contents:?}");
    }
}
