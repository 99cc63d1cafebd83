//! Sizes, times and modes, as people write and read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A number of bytes with a unit: `100 B`, `16 KiB`, `1.5 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024.0 belongs to the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    format!("{} {}", text.strip_suffix(".0").unwrap_or(&text), UNITS[unit])
}

/// Bytes a second.
pub(crate) fn throughput(count: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if count == 0 || seconds == 0.0 {
        return "-".into();
    }
    format!("{}/s", bytes((count as f64 / seconds) as u64))
}

/// A short time: `850 ns`, `4.2 us`, `1.3 ms`.
pub(crate) fn short(time: Duration) -> String {
    let nanoseconds = time.as_nanos();
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} us", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// How long ago something was, in its largest unit: `45s`, `3m`, `7h`, `12d`.
pub(crate) fn age(time: Option<SystemTime>) -> String {
    let Some(time) = time else { return "-".into() };
    let seconds = time.elapsed().map_or(0, |elapsed| elapsed.as_secs());
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Seconds since the epoch, for `--json`.
pub(crate) fn seconds(time: Option<SystemTime>) -> Option<u64> {
    time?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Date, time and age: `2026-01-31 23:59:59 UTC (3m ago)`.
pub(crate) fn moment(time: Option<SystemTime>) -> String {
    match (time, seconds(time)) {
        (Some(_), Some(seconds)) => format!("{} ({} ago)", utc(seconds), age(time)),
        _ => "never".into(),
    }
}

fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days are counted in eras of 400 years that begin on the first of March, so that a leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Reads a size: a number of bytes, or of KiB, MiB, GiB, TiB (`64K`, `64KiB`).
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return Err("a size is a number of bytes, with K, M, G or T behind it for 1024, 1024*1024, ...".into()),
    };
    let number: usize = number.parse().map_err(|_| "a size is a number of bytes".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is more bytes than there are addresses".into())
}

/// Reads permission bits, which are octal with or without a leading zero.
pub(crate) fn parse_mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("permission bits are three octal digits, as for chmod: 600, 0640".into()),
    }
}

/// Reads a number of seconds, with or without a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a time is a number of seconds: 5, 0.25".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_keeps_them_short() {
        let texts = [0, 1023, 1024, 1536, 1 << 20, (1 << 20) - 1, u64::MAX].map(bytes);
        assert_eq!(texts, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1 MiB", "1 MiB", "16 EiB"]);
    }

    #[test]
    fn sizes_are_read_with_units_and_without() {
        assert_eq!(parse_size("100"), Ok(100));
        assert_eq!(parse_size("4k"), Ok(4096));
        assert_eq!(parse_size("1MiB"), Ok(1 << 20));
        for bad in ["", "k", "1x", "-1", "99999999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!((parse_mode("0640"), parse_mode("777"), parse_mode("0o600")), (Ok(0o640), Ok(0o777), Ok(0o600)));
        assert!(parse_mode("1777").is_err() && parse_mode("8").is_err() && parse_mode("rw").is_err());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(951_868_799), "2000-02-29 23:59:59 UTC");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn short_times_have_a_unit() {
        let texts = [850, 4_200, 1_300_000, 2_500_000_000].map(|nanoseconds| short(Duration::from_nanos(nanoseconds)));
        assert_eq!(texts, ["850 ns", "4.2 us", "1.3 ms", "2.5 s"]);
    }
}
