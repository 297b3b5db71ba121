//! What `isthmus adapt` is called with.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::at_least_one;

/// What to adapt to what, within what time.
#[derive(Clone, Debug, Args)]
pub struct AdaptArguments {
    /// The samples with labels: a folder or file that `isthmus data init` can read, or a domain of a
    /// data set as `DATASET/DOMAIN`
    #[arg(long, value_name = "DATA")]
    pub source: String,
    /// The samples to predict, as for `--source`; their labels, if there are any, are not used
    #[arg(long, value_name = "DATA")]
    pub target: String,
    /// Time that training may take on this machine: `90s`, `10m`, `2h`. Reading data, extracting
    /// features and writing the report come on top
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub budget: Duration,
    /// The folder to write: experiment, records, model, predictions, report
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// After everything is chosen, look at the labels of the target, where there are any, and say how
    /// far off the choice was
    #[arg(long)]
    pub last_look: bool,
    /// Decides all randomness; further seeds follow it where the budget allows
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where to compute: `cpu`, `gpu` or `gpu:N`
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Number of runs side by side [default: as many as processors serve well]
    #[arg(short, long, value_parser = at_least_one)]
    pub jobs: Option<usize>,
}

/// Reads `90s`, `10m`, `2h`; a number alone is of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a time such as `90s`, `10m` or `2h`".to_owned();
    let (number, unit) = match text.find(|character: char| character.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(wrong()),
    };
    if !(1.0..=1e7).contains(&seconds) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = |text: &str| duration(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("1.5m"), Ok(90.0));
        assert_eq!(seconds("2h"), Ok(7200.0));
        assert_eq!(seconds("30"), Ok(30.0));
        for wrong in ["", "m", "10d", "-5m", "0s", "nan"] {
            assert!(seconds(wrong).unwrap_err().contains("`10m`"), "{wrong}");
        }
    }
}
