//! Tells the client what its debugger tells, in order, after the answers that come before it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::debuggee::Debuggee;
use super::output::{Marks, put_place};
use super::{Adapter, lock, render};
use crate::dap::ToClient;
use crate::dap::types;
use crate::debug::backend::{Attachment, Category, DebugEvent, Handle, StopReason};
use crate::debug::children::Child;
use crate::text::{Keep, NAME, VALUE, clean};

/// How long an event waits for an answer that comes before it.
const GATE: Duration = Duration::from_secs(1);

/// How long a child waits to be debugged.
const UNCLAIMED: Duration = Duration::from_secs(30);

/// Sources and modules that are told of as they are loaded; who wants all asks for them.
const MAX_LOADED: u32 = 5_000;

/// Tells all, until the debugger is gone.
pub(super) async fn tell(
    adapter: Arc<Adapter>,
    debuggee: Arc<Debuggee>,
    mut events: mpsc::Receiver<DebugEvent>,
    marks: Arc<Marks>,
) {
    let _over = marks.over.clone().drop_guard();
    let mut loaded = 0;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = debuggee.superseded.cancelled() => None,
        };
        let Some(event) = event else { return };
        if let DebugEvent::Printing { stream, offset, place, at } = event {
            marks.tell(stream, offset, place, at);
            continue;
        }
        if matches!(event, DebugEvent::SourceLoaded(_) | DebugEvent::ModuleLoaded(_)) {
            loaded += 1;
            if loaded > MAX_LOADED {
                continue;
            }
        }
        if !matches!(event, DebugEvent::Output { .. }) {
            drop(tokio::time::timeout(GATE, adapter.gate.write()).await);
        }
        adapter.tell(&debuggee, event).await;
    }
}

impl Adapter {
    async fn tell(self: &Arc<Self>, debuggee: &Arc<Debuggee>, event: DebugEvent) {
        match event {
            DebugEvent::Stopped { thread, reason, breakpoints, text, all_threads } => {
                self.stopped(&thread, reason, &breakpoints, text, all_threads).await;
            }
            DebugEvent::Continued { thread } => self.continued(thread.as_ref()).await,
            DebugEvent::ThreadStarted(thread) => {
                let number = self.desk().threads.number(&thread.handle);
                if let Some((number, true)) = number {
                    self.outbox.event("thread", json!({"reason": "started", "threadId": number})).await;
                }
            }
            DebugEvent::ThreadEnded(handle) => {
                let number = self.desk().thread_ended(&handle);
                if let Some(number) = number {
                    self.outbox.event("thread", json!({"reason": "exited", "threadId": number})).await;
                    self.note_stops();
                }
            }
            DebugEvent::Output { category, text, place } => {
                let habits = self.habits();
                let category = match category {
                    Category::Console => "console",
                    Category::Important => "important",
                };
                let mut body = json!({"category": category, "output": clean(&text, habits.keep(), VALUE)});
                if let Some((place, at)) = place {
                    let source = debuggee.source(&place, &mut self.desk(), &habits);
                    put_place(&mut body, source, at, &habits);
                }
                self.outbox.event("output", body).await;
            }
            DebugEvent::BreakpointMoved { id, placed } => {
                let moved = self.book().moved(id, placed);
                if let Some(key) = moved {
                    self.tell_breakpoint(id, key.as_ref()).await;
                }
            }
            DebugEvent::SourceLoaded(place) => {
                let source = debuggee.source(&place, &mut self.desk(), &self.habits());
                if let Some(source) = source {
                    self.outbox.event("loadedSource", json!({"reason": "new", "source": source})).await;
                }
            }
            DebugEvent::ModuleLoaded(module) => {
                let module = render::module(&module, &debuggee.mounts, &mut self.desk(), &self.habits());
                if let Some(module) = module {
                    self.outbox.event("module", json!({"reason": "new", "module": module})).await;
                }
            }
            DebugEvent::Child { name, pid: _, attachment } => self.offer(debuggee, &name, attachment).await,
            DebugEvent::Printing { .. } | DebugEvent::Ending => {}
        }
    }

    async fn stopped(
        &self,
        thread: &Handle,
        reason: StopReason,
        breakpoints: &[u32],
        text: Option<String>,
        all_threads: bool,
    ) {
        let (number, another) = {
            let mut desk = self.desk();
            let number = desk.threads.number(thread).map(|(number, _)| number);
            (number, desk.stop(number, all_threads))
        };
        self.note_stops();
        let (reason, description) = match reason {
            StopReason::Step => ("step", "Paused after a step"),
            StopReason::Breakpoint => ("breakpoint", "Paused on a breakpoint"),
            StopReason::FunctionBreakpoint => ("function breakpoint", "Paused on a function breakpoint"),
            StopReason::Exception => ("exception", "Paused on an exception"),
            StopReason::Pause => ("pause", "Paused"),
            StopReason::Entry => ("entry", "Paused at the start"),
            StopReason::Goto => ("goto", "Paused after a jump"),
            StopReason::Restart => ("restart", "Paused at the start of the frame"),
        };
        let mut body = json!({"reason": reason, "description": description, "allThreadsStopped": all_threads});
        if let Some(number) = number {
            body["threadId"] = json!(number);
        }
        if let Some(text) = text {
            body["text"] = json!(clean(&text, Keep::Lines, VALUE));
        }
        let hit = self.book().known(breakpoints);
        if !hit.is_empty() {
            body["hitBreakpointIds"] = json!(hit);
        }
        if another {
            // The person looks at the thread that stopped first.
            body["preserveFocusHint"] = json!(true);
        }
        self.outbox.event("stopped", body).await;
    }

    async fn continued(&self, thread: Option<&Handle>) {
        let number = {
            let mut desk = self.desk();
            let number = match thread {
                None => None,
                Some(thread) => match desk.threads.number(thread) {
                    Some((number, _)) => Some(number),
                    None => return,
                },
            };
            let shown = number.or(desk.likely_thread());
            let going = desk.go(number);
            desk.gone(&going);
            shown
        };
        self.note_stops();
        let body = json!({"threadId": number.unwrap_or(0), "allThreadsContinued": thread.is_none()});
        self.outbox.event("continued", body).await;
    }

    /// Offers a child to the client: a further connection of its that brings the token gets it.
    async fn offer(self: &Arc<Self>, debuggee: &Debuggee, name: &str, attachment: Attachment) {
        if !self.habits().start_debugging {
            // Dropped, so that it runs undebugged and waits for nobody.
            return drop(attachment);
        }
        let name = clean(name, Keep::OneLine, NAME);
        let (session, execution) = {
            let held = self.held();
            let session = held.session.as_ref().map(|(session, _)| session.id.clone());
            (session, held.execution.as_ref().map(|execution| execution.id.clone()))
        };
        let child = Child {
            name: name.clone(),
            attachment,
            can: debuggee.can.clone(),
            mounts: debuggee.mounts.clone(),
            parent: self.id.clone(),
            session,
            execution,
            orphaned: debuggee.orphaned.clone(),
        };
        let Some(token) = self.debugs.nursery.leave(child) else { return };
        let adapter = self.habits().adapter.clone();
        let kind = if adapter.is_empty() { "codebeaker".to_owned() } else { adapter };
        let configuration = json!({"type": kind, "name": name, "request": "attach", "__codebeakerChild": token});
        let arguments = json!({"configuration": configuration, "request": "attach"});
        let request = ToClient::Request { command: "startDebugging".to_owned(), arguments };
        if let Some(seq) = self.outbox.send(request).await {
            let refused = lock(&self.offers).insert(seq, token.clone()).is_some();
            if refused {
                lock(&self.offers).remove(&seq);
                return drop(self.debugs.nursery.claim(&token));
            }
        }
        let (adapter, orphaned) = (Arc::clone(self), debuggee.orphaned.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(UNCLAIMED) => {}
                () = orphaned.cancelled() => {}
            }
            drop(adapter.debugs.nursery.claim(&token));
            lock(&adapter.offers).retain(|_, offered| *offered != token);
        });
    }

    /// Tells that a breakpoint changed.
    pub(super) async fn tell_breakpoint(&self, id: u32, key: Option<&super::book::SourceKey>) {
        let habits = self.habits();
        let shown = self.book().shown(id, &habits);
        if let Some(mut breakpoint) = shown {
            breakpoint.source = key.map(|key| self.source_of(key));
            let body = types::BreakpointEvent { breakpoint, reason: types::BreakpointEventReason::Changed };
            self.outbox.event("breakpoint", serde_json::to_value(body).unwrap_or(Value::Null)).await;
        }
    }
}
