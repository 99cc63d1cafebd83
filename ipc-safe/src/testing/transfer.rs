//! Values that go from one process to another as bytes.

/// A value that a [forked child](super::fork) can bring back: numbers, truth values, texts, bytes, and pairs, options, results and
/// vectors of these.
///
/// ```
/// use ipc_safe::testing::Transfer;
///
/// /// A point.
/// #[derive(Debug, PartialEq)]
/// struct Point(i32, i32);
///
/// impl Transfer for Point {
///     fn write(self, bytes: &mut Vec<u8>) {
///         (self.0, self.1).write(bytes);
///     }
///
///     fn read(bytes: &mut &[u8]) -> Option<Self> {
///         Transfer::read(bytes).map(|(x, y)| Point(x, y))
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Point(3, -4).write(&mut bytes);
/// assert_eq!(Point::read(&mut &bytes[..]), Some(Point(3, -4)));
/// ```
pub trait Transfer: Sized {
    /// Adds the value to the bytes.
    fn write(self, bytes: &mut Vec<u8>);

    /// Takes it from the front of the bytes. `None` when they are no such value.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Transfer for $number {
            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_ne_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                bytes.split_off(..size_of::<Self>()).and_then(|own| own.try_into().ok()).map(Self::from_ne_bytes)
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }

impl Transfer for () {
    fn write(self, _: &mut Vec<u8>) {}

    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Transfer for bool {
    fn write(self, bytes: &mut Vec<u8>) {
        u8::from(self).write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Transfer for String {
    fn write(self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let len = usize::read(bytes)?;
        bytes.split_off(..len).and_then(|own| Self::from_utf8(own.to_vec()).ok())
    }
}

impl<T: Transfer> Transfer for Vec<T> {
    fn write(self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        self.into_iter().for_each(|value| value.write(bytes));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        (0..usize::read(bytes)?).map(|_| T::read(bytes)).collect()
    }
}

impl<T: Transfer, U: Transfer> Transfer for (T, U) {
    fn write(self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((T::read(bytes)?, U::read(bytes)?))
    }
}

impl<T: Transfer> Transfer for Option<T> {
    fn write(self, bytes: &mut Vec<u8>) {
        self.ok_or(()).write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Result::<T, ()>::read(bytes).map(Result::ok)
    }
}

impl<T: Transfer, E: Transfer> Transfer for Result<T, E> {
    fn write(self, bytes: &mut Vec<u8>) {
        self.is_ok().write(bytes);
        match self {
            Ok(value) => value.write(bytes),
            Err(error) => error.write(bytes),
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        if bool::read(bytes)? { T::read(bytes).map(Ok) } else { E::read(bytes).map(Err) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round<T: Transfer + Clone + PartialEq + core::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        value.clone().write(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(T::read(&mut rest).as_ref(), Some(value));
        assert!(rest.is_empty());
        let mut cut = &bytes[..bytes.len().saturating_sub(1)];
        assert!(bytes.is_empty() || T::read(&mut cut).is_none());
    }

    #[test]
    fn values_come_back_and_cut_ones_do_not() {
        round(&());
        round(&(true, -7_i64));
        round(&vec![Some("text".to_owned()), None]);
        round(&Err::<u8, _>("no".to_owned()));
        round(&Ok::<_, String>(vec![1_u16, 2]));
    }
}
