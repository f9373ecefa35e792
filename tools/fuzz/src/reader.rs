//! Reads decisions out of the fuzzer's bytes: short ones stay good, since what is missing is zero.

/// What is left of the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// True where all was read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number of two bytes.
    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number that is small most of the time, and any that counts else.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            255 => (0..8).fold(0, |number, _| (number << 8) | u64::from(self.byte())),
            254 => ringtalk_wire::limit::COUNTER - u64::from(self.byte()),
            small => small.into(),
        }
    }

    /// A coin.
    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of these.
    pub(crate) fn choose<'b, T>(&mut self, items: &'b [T]) -> Option<&'b T> {
        let index = usize::from(self.short());
        items.get(index.checked_rem(items.len())?)
    }

    /// So many bytes, or as many as there are.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A piece of up to 65,535 bytes that says its own length.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = self.short().into();
        self.take(length)
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Changes some bytes: a number of changes, each of a place, a way and a byte.
    pub(crate) fn edit(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte() % 8 {
            let place = usize::from(self.short()) % (bytes.len() + 1);
            let (way, byte) = (self.byte(), self.byte());
            match (way % 4, bytes.get_mut(place)) {
                (0, Some(old)) => *old = byte,
                (1, _) => bytes.insert(place, byte),
                (2, Some(_)) => drop(bytes.remove(place)),
                (3, _) => bytes.truncate(place),
                (_, None) => bytes.push(byte),
                _ => {}
            }
        }
    }
}
