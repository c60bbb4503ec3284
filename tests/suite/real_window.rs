//! The program itself in a window, under Xvfb: it opens, trains, pauses, steps, and closes with the run saved.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hourglass::train::RunDir;

/// A process that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn xdotool(display: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("xdotool").args(arguments).env("DISPLAY", display).output().expect("xdotool is installed");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A virtual display of its own number. Without `-noreset` the server starts over whenever its last client leaves, and
/// refuses the next one meanwhile.
fn x_server() -> (Running, String) {
    use std::io::{BufRead as _, BufReader};
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-noreset", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb is installed; ./test installs it");
    let stdout = server.stdout.take().expect("piped");
    let server = Running(server);
    let mut number = String::new();
    BufReader::new(stdout).read_line(&mut number).expect("the number of the display");
    assert!(!number.trim().is_empty(), "Xvfb did not start");
    (server, format!(":{}", number.trim()))
}

/// Steps in the last checkpoint of the only run under `data`.
fn saved_step(data: &Path) -> Option<u64> {
    let run = data.join("hourglass").join("runs").join("map-001");
    RunDir::open(&run).ok()?.read_checkpoint("last").ok().map(|(state, _)| state.step)
}

#[test]
fn the_window_opens_trains_pauses_steps_and_closes() {
    if crate::support::gpu().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, display) = x_server();
    let display = display.as_str();
    let mut program = Running(
        Command::new(env!("CARGO_BIN_EXE_hourglass"))
            .args(["--device", "cpu"])
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY")
            .env("XDG_DATA_HOME", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts"),
    );
    let title = |pattern: &str| xdotool(display, &["search", "--name", pattern]).filter(|found| !found.is_empty());
    let window = wait_until("the window", || title("Hourglass")).lines().next().expect("an id").to_owned();
    // Without a window manager the focus must be set by hand.
    wait_until("the focus", || xdotool(display, &["windowfocus", &window]));
    // The title counts percent while it trains.
    wait_until("training", || title("^[1-9][0-9]*%.*Hourglass$"));
    let key = |name: &str| wait_until("a key", || xdotool(display, &["key", "--window", "0", name]));
    key("space");
    wait_until("the pause", || title("^Hourglass$"));
    key("s");
    std::thread::sleep(Duration::from_millis(500));
    assert!(title("^Hourglass$").is_some(), "a step is followed by a pause");
    key("space");
    wait_until("going on", || title("^[1-9][0-9]*%.*Hourglass$"));
    key("ctrl+q");
    let status = wait_until("the end", || program.0.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
    assert!(saved_step(folder.path()).is_some_and(|step| step > 10), "the run was saved");
    assert!(folder.path().join("hourglass/runs/map-001/model.safetensors").is_file());
}
