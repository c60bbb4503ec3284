//! A file dropped on a window by a client of our own, as a file manager does it: the source's side of XDND 5.
//!
//! The window is told of a drag that enters, moves and drops; it asks for the list of files, and says when it has it.

use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode, SelectionNotifyEvent,
    Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// The version of the protocol that is spoken.
const VERSION: u32 = 5;

pub struct Source {
    x: RustConnection,
    window: Window,
    target: Window,
    root: Window,
}

impl Source {
    /// A source of drags onto `target` on `display`.
    pub fn new(display: &str, target: Window) -> Self {
        let (x, screen) = x11rb::connect(Some(display)).expect("the display answers");
        let root = x.setup().roots[screen].root;
        let window = x.generate_id().expect("an id");
        x.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &CreateWindowAux::new())
            .expect("a window");
        x.flush().expect("it is sent");
        Self { x, window, target, root }
    }

    fn atom(&self, name: &str) -> Atom {
        self.x.intern_atom(false, name.as_bytes()).expect("a request").reply().expect("an atom").atom
    }

    fn send(&self, kind: &str, data: [u32; 4]) {
        let [a, b, c, d] = data;
        let message = ClientMessageEvent::new(32, self.target, self.atom(kind), [self.window, a, b, c, d]);
        self.x.send_event(false, self.target, EventMask::NO_EVENT, message).expect("a message");
        self.x.flush().expect("it is sent");
    }

    /// Answers requests for the list until `done` arrives from the window.
    fn serve_until(&self, done: &str, list: &str) {
        let (done, given) = (self.atom(done), self.atom("text/uri-list"));
        let started = Instant::now();
        loop {
            match self.x.poll_for_event().expect("the display answers") {
                Some(Event::ClientMessage(message)) if message.type_ == done => return,
                Some(Event::SelectionRequest(request)) => {
                    self.x
                        .change_property8(
                            PropMode::REPLACE,
                            request.requestor,
                            request.property,
                            given,
                            list.as_bytes(),
                        )
                        .expect("a property");
                    let answer = SelectionNotifyEvent {
                        response_type: x11rb::protocol::xproto::SELECTION_NOTIFY_EVENT,
                        sequence: 0,
                        time: request.time,
                        requestor: request.requestor,
                        selection: request.selection,
                        target: request.target,
                        property: request.property,
                    };
                    self.x.send_event(false, request.requestor, EventMask::NO_EVENT, answer).expect("an answer");
                    self.x.flush().expect("it is sent");
                }
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(10)),
            }
            assert!(started.elapsed() < Duration::from_secs(30), "the window did not answer the drag");
        }
    }

    /// Drags the file at `path` over the window and lets go in its middle; `held` is called while it is held there.
    pub fn drop_file(&self, path: &std::path::Path, held: impl FnOnce()) {
        let list = format!("file://{}\r\n", path.display());
        let selection = self.atom("XdndSelection");
        self.x.set_selection_owner(self.window, selection, x11rb::CURRENT_TIME).expect("a request");
        let kind = self.atom("text/uri-list");
        self.x
            .change_property32(PropMode::REPLACE, self.window, self.atom("XdndTypeList"), AtomEnum::ATOM, &[kind])
            .expect("a property");
        let at = self.x.translate_coordinates(self.target, self.root, 0, 0).expect("a request").reply();
        let at = at.expect("a place");
        let (x, y) = (at.dst_x as u32 + 400, at.dst_y as u32 + 300);
        self.send("XdndEnter", [VERSION << 24, kind, 0, 0]);
        self.send("XdndPosition", [0, x << 16 | y, x11rb::CURRENT_TIME, self.atom("XdndActionCopy")]);
        self.serve_until("XdndStatus", &list);
        held();
        self.send("XdndDrop", [0, x11rb::CURRENT_TIME, 0, 0]);
        self.serve_until("XdndFinished", &list);
    }
}
