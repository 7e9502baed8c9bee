//! Sizes of memory: reading them from the command line, writing them for
//! people, and asking how much the machine has.

/// Reads `4096`, `64KiB`, `1G` or `512 MiB`; the unit's case does not matter,
/// and every unit is a power of 1024.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("expected a size such as 64MiB".to_owned());
    }
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        other => return Err(format!("unknown unit {other:?}; use KiB, MiB, GiB or TiB")),
    };
    let size = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "the size does not fit 64 bits".to_owned())?;
    if size == 0 {
        Err("the size must not be zero".to_owned())
    } else {
        Ok(size)
    }
}

/// `1.5 GiB` and the like.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// What to assume of a machine that does not tell: small enough to be safe.
const UNKNOWN_MACHINE: u64 = 4 << 30;

/// Physical memory, or the control group's limit where that is lower.
pub fn machine_memory() -> u64 {
    let physical = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| mem_total(&text));
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    match (physical, limit) {
        (Some(physical), Some(limit)) => physical.min(limit),
        (Some(known), None) | (None, Some(known)) => known,
        (None, None) => UNKNOWN_MACHINE,
    }
}

fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64KiB"), Ok(64 << 10));
        assert_eq!(parse_size("3 mb"), Ok(3 << 20));
        assert_eq!(parse_size("1G"), Ok(1 << 30));
        assert_eq!(parse_size("2TiB"), Ok(2 << 40));
    }

    #[test]
    fn nonsense_sizes_are_refused() {
        for text in [
            "",
            "MiB",
            "-1",
            "1.5G",
            "0",
            "0KiB",
            "7 parsecs",
            "99999999999999999999",
            "99999999999G",
        ] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1023), "1023 B");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human(5 << 30), "5.0 GiB");
        assert_eq!(human(u64::MAX), "16777216.0 TiB");
    }

    #[test]
    fn meminfo_is_read() {
        assert_eq!(
            mem_total("Foo: 1 kB\nMemTotal:       1024 kB\n"),
            Some(1 << 20)
        );
        assert_eq!(mem_total("MemTotal: lots"), None);
        assert!(machine_memory() > 0);
    }
}
