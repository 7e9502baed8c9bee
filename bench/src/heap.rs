//! The C heap: whether tables fill fresh pages or those of the tables before.
//!
//! | | cold | recycled |
//! |---|---|---|
//! | blocks of 64 KiB and more | mapped, and unmapped when freed | from the heap, which keeps what was freed |
//! | smaller blocks | from the heap, trimmed off the clock before each fill | from the heap, along its free lists |
//!
//! glibc moves its own thresholds while a program runs; setting them fixes them.

/// Where the pages of a table come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Pages {
    /// Fresh from the system, cleared by it at the first touch.
    Cold,
    /// Those of the tables before.
    Recycled,
}

impl Pages {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cold, Self::Recycled];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Recycled => "recycled",
        }
    }

    /// Whether the allocator of this platform can be told to.
    #[must_use]
    pub const fn supported(self) -> bool {
        match self {
            Self::Cold => true,
            Self::Recycled => cfg!(all(target_os = "linux", target_env = "gnu")),
        }
    }

    /// Makes the C heap behave so from now on, for the whole process.
    pub fn prepare(self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            let settings = match self {
                Self::Cold => [
                    (libc::M_MMAP_MAX, 1 << 20),
                    (libc::M_MMAP_THRESHOLD, 64 << 10),
                    (libc::M_TRIM_THRESHOLD, 128 << 10),
                ],
                // -1 switches trimming off; 32 MiB is the most that glibc takes as a threshold, but
                // nothing is mapped anyway.
                Self::Recycled => [
                    (libc::M_MMAP_MAX, 0),
                    (libc::M_MMAP_THRESHOLD, 32 << 20),
                    (libc::M_TRIM_THRESHOLD, -1),
                ],
            };
            for (parameter, value) in settings {
                // SAFETY: `mallopt` may be called at any time, from any thread.
                let accepted = unsafe { libc::mallopt(parameter, value) };
                assert_eq!(accepted, 1, "malloc takes parameter {parameter}");
            }
            if self == Self::Cold {
                trim();
            }
        }
    }

    /// Called after tables were freed, off the clock.
    pub fn settle(self) {
        if self == Self::Cold {
            trim();
        }
    }
}

/// Makes the C allocator merge what was freed and hand it back to the system. Does nothing where
/// glibc is not the allocator.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` may be called at any time, from any thread.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// How many pages this process has touched for the first time, so far; `None` where the system
/// does not tell.
#[must_use]
pub fn page_faults() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the call writes a whole `rusage` to where it is told.
        let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
        if status != 0 {
            return None;
        }
        // SAFETY: the call succeeded, so all of it was written.
        let usage = unsafe { usage.assume_init() };
        u64::try_from(usage.ru_minflt).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}
