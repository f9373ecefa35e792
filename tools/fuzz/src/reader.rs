//! Reads decisions from the fuzzer's bytes. Missing bytes read as zero, so short inputs stay valid.

/// The bytes that are left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns true if all bytes were read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads one byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// Reads a number of two bytes.
    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Reads a number that is mostly small, else near the greatest counter or any of 64 bits.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            255 => (0..8).fold(0, |number, _| (number << 8) | u64::from(self.byte())),
            254 => ringtalk_wire::limit::COUNTER - u64::from(self.byte()),
            small => small.into(),
        }
    }

    /// Reads true or false.
    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Chooses one of the items, if there are any.
    pub(crate) fn choose<'b, T>(&mut self, items: &'b [T]) -> Option<&'b T> {
        let index = usize::from(self.short());
        items.get(index.checked_rem(items.len())?)
    }

    /// Reads up to `length` bytes: fewer if no more are left.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Reads a piece of up to 65,535 bytes, after its length.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = self.short().into();
        self.take(length)
    }

    /// Returns all bytes that are left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Makes up to seven changes to `bytes`; a position, a kind and a byte are read for each.
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
