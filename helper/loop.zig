//! The helper's loop: one thread, one epoll on the control socket, a signalfd for SIGCHLD, and the report pipes of commands
//! that are being started. It never waits for a child.
const std = @import("std");
const commands = @import("commands.zig");
const connection = @import("connection.zig");
const ending = @import("ending.zig");
const Host = @import("host.zig").Host;
const limits = @import("limits.zig");
const once = @import("once.zig");
const progress = @import("progress.zig");
const reaper = @import("reaper.zig");
const requests = @import("requests.zig");
const streams = @import("streams.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

const event_control = std.math.maxInt(u32);
const event_signal = event_control - 1;
const event_outputs = [2]u32{ event_control - 2, event_control - 3 };

/// And above it the index of a stream.
const event_stream = 1 << 16;

comptime {
    // Every other event is the index of a command.
    std.debug.assert(event_stream > commands.none);
    std.debug.assert(event_outputs[1] > event_stream + limits.streams_max);
}

var epoll_fd: sys.fd_t = -1;
var signal_fd: sys.fd_t = -1;

/// Serves the client until it is gone. Returns the helper's exit status.
pub fn run(host: *const Host) u8 {
    const epoll_result = linux.epoll_create1(linux.EPOLL.CLOEXEC);
    if (sys.errnoOf(epoll_result) != 0) return 1;
    epoll_fd = sys.asFd(epoll_result);
    const signal_result = sys.signalfd(@import("host.zig").signalBit(@intFromEnum(linux.SIG.CHLD)));
    if (sys.errnoOf(signal_result) != 0) return 1;
    signal_fd = sys.asFd(signal_result);
    if (once.active) {
        if (takeFile(host)) |status| return status;
    } else if (watch(connection.control_fd, linux.EPOLL.IN, event_control) != 0) return 1;
    if (watch(signal_fd, linux.EPOLL.IN, event_signal) != 0) return 1;
    while (true) {
        if (once.active and once.isOver()) return finish();
        if (requests.retired and commands.count == 0 and streams.count == 0 and !requests.has_more) return finish();
        connection.flush();
        // After the client may have taken what held up streams, and before the helper waits for anything.
        streams.beginRound();
        var events: [limits.events_max]linux.epoll_event = undefined;
        const count = linux.epoll_wait(epoll_fd, &events, events.len, timeout());
        if (sys.isError(count, .INTR)) continue;
        if (sys.errnoOf(count) != 0) return 1;
        var control_ready = false;
        var signal_ready = false;
        // New commands come last: an event of this round never belongs to a command that took over an index.
        for (events[0..count]) |event| switch (event.data.u32) {
            event_control => {
                if (event.events & linux.EPOLL.OUT != 0) connection.writable();
                if (event.events & ~@as(u32, linux.EPOLL.OUT) != 0) control_ready = true;
            },
            event_signal => signal_ready = true,
            event_outputs[0], event_outputs[1] => |number| {
                once.outputReady(event_outputs[0] - number, event.events & linux.EPOLL.IN != 0);
            },
            else => |number| if (number < event_stream) progress.reportEnded(@intCast(number)) else {
                streams.ready(@intCast(number - event_stream));
            },
        };
        if (signal_ready) discardSignals();
        if (signal_ready or reaper.has_more) reaper.reapSome();
        if (requests.has_more) {
            requests.serve(host) catch |err| return endWith(err);
        } else if (control_ready) switch (connection.receive()) {
            .nothing => {},
            .end => {
                ending.endChildren();
                return 0;
            },
            .some => requests.serve(host) catch |err| return endWith(err),
        };
    }
}

fn finish() u8 {
    connection.flushAll();
    return 0;
}

/// Serves all that the client of a run for one command has written. Its end is no end of the client's.
fn takeFile(host: *const Host) ?u8 {
    while (requests.has_more or connection.receive() == .some) requests.serve(host) catch |err| return endWith(err);
    return null;
}

/// How long the loop may wait, in milliseconds; -1 for as long as it takes.
fn timeout() i32 {
    if (reaper.has_more or requests.has_more) return 0;
    return if (once.active) once.timeout() else -1;
}

/// Tells the client what was wrong with what it sent.
fn endWith(err: requests.Error) u8 {
    // Not @errorName of the variable: that would need the names of every error in std.
    const name = switch (err) {
        inline else => |known| @errorName(known),
    };
    connection.send("protocol_error", &.{ .name = name });
    connection.flushAll();
    ending.endChildren();
    return 1;
}

/// The errno of epoll_ctl, or 0.
fn watch(fd: sys.fd_t, events: u32, data: u32) u16 {
    var event: linux.epoll_event = .{ .events = events, .data = .{ .u32 = data } };
    return sys.errnoOf(linux.epoll_ctl(epoll_fd, linux.EPOLL.CTL_ADD, fd, &event));
}

/// Reports when every writing end of a report pipe is closed. What the child wrote before waits in the pipe: one event
/// a command, not two.
pub fn watchReport(fd: sys.fd_t, index: commands.Index) u16 {
    return watch(fd, linux.EPOLL.HUP, index);
}

/// Reports when there is something to read in an output of a run for one command, and its end.
pub fn watchOutput(fd: sys.fd_t, index: usize) u16 {
    return watch(fd, linux.EPOLL.IN, event_outputs[index]);
}

/// Reports when the client takes more, or not any more.
pub fn awaitClient(also_room: bool) void {
    const events: u32 = if (also_room) linux.EPOLL.IN | linux.EPOLL.OUT else linux.EPOLL.IN;
    var event: linux.epoll_event = .{ .events = events, .data = .{ .u32 = event_control } };
    _ = linux.epoll_ctl(epoll_fd, linux.EPOLL.CTL_MOD, connection.control_fd, &event);
}

/// Reports when there is something to read in a stream's pipe, or room in it, and its end.
pub fn watchStream(fd: sys.fd_t, index: usize, is_input: bool) u16 {
    return watch(fd, if (is_input) linux.EPOLL.OUT else linux.EPOLL.IN, event_stream + @as(u32, @intCast(index)));
}

/// Closing is not enough: a child that was just cloned has a copy of the descriptor, and epoll goes on reporting it until
/// that is closed too.
pub fn unwatch(fd: sys.fd_t) void {
    _ = linux.epoll_ctl(epoll_fd, linux.EPOLL.CTL_DEL, fd, null);
}

/// What the signalfd says is not needed: SIGCHLDs are merged, so wait4 has to ask for every child anyway.
fn discardSignals() void {
    var info: linux.signalfd_siginfo = undefined;
    _ = linux.read(signal_fd, @ptrCast(&info), @sizeOf(linux.signalfd_siginfo));
}

/// Waits until something happens to a child, or so many milliseconds have gone by.
pub fn awaitChild(timeout_ms: i32) void {
    var waiting = [_]linux.pollfd{.{ .fd = signal_fd, .events = linux.POLL.IN, .revents = 0 }};
    _ = linux.poll(&waiting, waiting.len, timeout_ms);
    discardSignals();
}
