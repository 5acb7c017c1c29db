//! Streams: pipes of programs whose other end stays here. Their bytes travel in messages, so the client needs no descriptor
//! and nothing of the helper in /proc. What is not consumed yet stays in the pipe and in one window for each stream: a slow
//! client or program blocks the other side and nobody else.
const std = @import("std");
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const connection = @import("connection.zig");
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const messages = @import("messages.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

pub const Index = commands.Index;
const none = commands.none;

const Stream = struct {
    /// The client's number of the command. The command may have ended.
    command: u32,
    /// In the program.
    number: sys.fd_t,
    /// The helper's end of the pipe; -1 in a free slot.
    fd: sys.fd_t,
    /// The bytes go to the program.
    is_input: bool,
    /// The client was told of it. Before that, no message can mean it.
    is_told: bool = false,
    /// In epoll.
    is_watched: bool = false,
    /// Readable, but the client takes no more bytes at the moment.
    is_parked: bool = false,
    /// The client wants what the pipe holds now, and then the end.
    is_draining: bool = false,
    /// The client sends no more.
    input_ended: bool = false,
    /// Output: bytes that the client still takes. Input: bytes that the client was not told of as consumed.
    window: u32 = 0,
    /// Input that did not fit into the pipe yet: pages, or nothing.
    buffer: []align(std.heap.page_size_min) u8 = &.{},
    start: usize = 0,
    end: usize = 0,
    /// The next one of the command while it is being started, or the next parked one, or the next free slot.
    next: Index = none,
};

comptime {
    std.debug.assert(limits.streams_max <= none);
}

const pool = commands.Pool(Stream, limits.streams_max, "next");

/// The last one that was parked.
var parked: Index = none;
/// What may still be read in this round.
var round_room: usize = 0;

/// As at the start, for the fuzz program.
pub fn reset() void {
    for (pool.items[0..pool.used]) |*stream| if (stream.fd >= 0) freeBuffer(stream);
    pool.reset();
    parked = none;
    count = 0;
}

/// For a process that others may look into: what other commands are to read.
pub fn forget() void {
    for (pool.items[0..pool.used]) |*stream| {
        if (stream.fd >= 0 and stream.buffer.len > 0) sys.forgetPages(stream.buffer);
    }
}

/// Streams that have not ended.
pub var count: usize = 0;

/// Takes over the helper's end of a pipe for a command that is being started. False: there are streams_max already, and
/// the caller keeps the descriptor.
pub fn open(command: *commands.Command, number: sys.fd_t, fd: sys.fd_t, is_input: bool) ?Index {
    const index = pool.take() orelse return null;
    pool.items[index] = .{
        .command = command.id,
        .number = number,
        .fd = fd,
        .is_input = is_input,
        .window = if (is_input) 0 else limits.stream_window,
        .next = command.streams,
    };
    command.streams = index;
    count += 1;
    return index;
}

/// Writes the first input of a stream. Before the program is there, so that it finds the bytes at once.
pub fn beginInput(index: Index, bytes: []const u8, ends: bool) ?u16 {
    const stream = &pool.items[index];
    std.debug.assert(bytes.len <= limits.stream_window);
    stream.input_ended = ends;
    return store(stream, bytes);
}

/// The program runs. Puts what the client has to know of its streams into `told`; `start` has to follow.
pub fn begin(command: *commands.Command, told: []messages.Stream) []messages.Stream {
    var told_count: usize = 0;
    while (command.streams != none) {
        const index = command.streams;
        const stream = &pool.items[index];
        command.streams = stream.next;
        stream.next = none;
        if (stream.is_input and stream.input_ended and stream.start == stream.end) {
            close(index);
            continue;
        }
        told[told_count] = .{ .number = @intCast(stream.number), .stream = index };
        stream.is_told = true;
        told_count += 1;
    }
    return told[0..told_count];
}

/// The client knows of these streams: their bytes may follow.
pub fn start(told: []const messages.Stream) void {
    for (told) |each| {
        const stream = &pool.items[each.stream];
        if (!stream.is_input or stream.start != stream.end) watch(@intCast(each.stream));
    }
}

/// The command was not started.
pub fn drop(command: *commands.Command) void {
    while (command.streams != none) {
        const index = command.streams;
        command.streams = pool.items[index].next;
        close(index);
    }
}

/// A round of the loop begins.
pub fn beginRound() void {
    round_room = limits.stream_round_size;
    while (parked != none and connection.takesStreamData()) {
        const index = parked;
        const stream = &pool.items[index];
        parked = stream.next;
        stream.next = none;
        stream.is_parked = false;
        watch(index);
    }
}

/// There is something to read, room to write, or the end of it.
pub fn ready(index: Index) void {
    const stream = &pool.items[index];
    // An earlier event of this round may have ended it.
    if (stream.fd < 0 or !stream.is_watched) return;
    if (stream.is_input) writeMore(index) else readSome(index);
}

fn readSome(index: Index) void {
    const stream = &pool.items[index];
    // It is told again in the next round.
    if (round_room == 0) return;
    const space = connection.streamSpace() orelse return park(index);
    const wanted = @min(space.len, limits.stream_chunk_size, stream.window, round_room);
    std.debug.assert(wanted > 0);
    var size: usize = 0;
    var at_end = false;
    // A second time for the end, which often is there already: one message instead of two.
    for (0..2) |_| {
        const result = linux.read(stream.fd, space[size..].ptr, wanted - size);
        if (sys.isError(result, .AGAIN)) {
            at_end = stream.is_draining;
            break;
        }
        if (sys.isError(result, .INTR)) break;
        if (sys.errnoOf(result) != 0 or result == 0) {
            at_end = true;
            break;
        }
        size += result;
        if (size == wanted) break;
    }
    if (size == 0 and !at_end) return;
    round_room -= size;
    stream.window -= @intCast(size);
    if (stream.window == 0 and stream.is_draining) at_end = true;
    connection.sendStreamData(stream.command, index, size, at_end);
    if (at_end) return close(index);
    if (stream.window == 0) unwatch(stream);
    // A program that fills its pipe writes a lot: with more room, it is woken less often. Refused: it works without.
    if (size == limits.stream_chunk_size) _ = sys.fcntl(stream.fd, sys.F_SETPIPE_SZ, limits.large_pipe_size);
}

/// Waits until the client has taken what is queued.
fn park(index: Index) void {
    const stream = &pool.items[index];
    unwatch(stream);
    stream.is_parked = true;
    stream.next = parked;
    parked = index;
}

fn writeMore(index: Index) void {
    const stream = &pool.items[index];
    if (writeBuffered(stream)) |errno| return endInput(index, errno);
    if (stream.start != stream.end) return;
    unwatch(stream);
    freeBuffer(stream);
    if (stream.input_ended) endInput(index, 0);
}

/// The client has sent bytes for the program.
pub fn take(message: *const messages.StreamData) error{StreamOverrun}!void {
    const index = find(message.command, message.stream) orelse return;
    const stream = &pool.items[index];
    if (!stream.is_input or stream.input_ended) return error.StreamOverrun;
    if (stream.window + (stream.end - stream.start) + message.data.len > limits.stream_window) return error.StreamOverrun;
    stream.input_ended = message.end;
    if (store(stream, message.data)) |errno| return endInput(index, errno);
    if (stream.start != stream.end) return watch(index);
    if (stream.input_ended) return endInput(index, 0);
    tellConsumed(index);
}

/// The client has consumed bytes of the program's.
pub fn credit(message: *const messages.StreamCredit) error{StreamOverrun}!void {
    const index = find(message.command, message.stream) orelse return;
    const stream = &pool.items[index];
    if (stream.is_input or message.size > limits.stream_window - stream.window) return error.StreamOverrun;
    stream.window += message.size;
    if (stream.window > 0 and !stream.is_parked) watch(index);
}

/// The client has no more use for the stream.
pub fn end(message: *const messages.CloseStream) void {
    const index = find(message.command, message.stream) orelse return;
    const stream = &pool.items[index];
    if (stream.is_input) return endInput(index, 0);
    if (message.drain and stream.window > 0) {
        stream.is_draining = true;
        // An empty pipe is never ready.
        if (stream.is_watched) readSome(index);
        return;
    }
    connection.sendStreamEnd(stream.command, index);
    close(index);
}

/// A stream that has ended is not known any more: the client may have sent this before it heard of that.
fn find(command: u32, index: u32) ?Index {
    if (index >= pool.used) return null;
    const stream = &pool.items[index];
    return if (stream.fd >= 0 and stream.is_told and stream.command == command) @intCast(index) else null;
}

fn endInput(index: Index, errno: u16) void {
    answers.streamClosed(pool.items[index].command, index, errno);
    close(index);
}

/// Writes to the pipe what it takes, and keeps the rest. Returns the errno of a write that failed.
fn store(stream: *Stream, bytes: []const u8) ?u16 {
    if (stream.start != stream.end) return keep(stream, bytes);
    var written: usize = 0;
    while (written < bytes.len) {
        const result = linux.write(stream.fd, bytes[written..].ptr, bytes.len - written);
        if (sys.isError(result, .INTR)) continue;
        if (sys.isError(result, .AGAIN)) break;
        if (sys.errnoOf(result) != 0) return sys.errnoOf(result);
        written += result;
    }
    stream.window += @intCast(written);
    return if (written == bytes.len) null else keep(stream, bytes[written..]);
}

fn keep(stream: *Stream, bytes: []const u8) ?u16 {
    if (stream.buffer.len == 0) {
        stream.buffer = sys.allocatePages(limits.stream_window) orelse return @intFromEnum(sys.E.NOMEM);
    }
    if (stream.buffer.len - stream.end < bytes.len) {
        std.mem.copyForwards(u8, stream.buffer, stream.buffer[stream.start..stream.end]);
        stream.end -= stream.start;
        stream.start = 0;
    }
    @memcpy(stream.buffer[stream.end..][0..bytes.len], bytes);
    stream.end += bytes.len;
    return null;
}

fn writeBuffered(stream: *Stream) ?u16 {
    const result = linux.write(stream.fd, stream.buffer[stream.start..].ptr, stream.end - stream.start);
    if (sys.isError(result, .INTR) or sys.isError(result, .AGAIN)) return null;
    if (sys.errnoOf(result) != 0) return sys.errnoOf(result);
    stream.start += result;
    stream.window += @intCast(result);
    tellConsumed(indexOf(stream));
    return null;
}

fn indexOf(stream: *const Stream) Index {
    return @intCast((@intFromPtr(stream) - @intFromPtr(&pool.items)) / @sizeOf(Stream));
}

fn tellConsumed(index: Index) void {
    const stream = &pool.items[index];
    if (stream.input_ended or stream.window < limits.stream_credit_size) return;
    answers.streamCredit(stream.command, index, stream.window);
    stream.window = 0;
}

fn watch(index: Index) void {
    const stream = &pool.items[index];
    if (stream.is_watched) return;
    // Refused for lack of memory: the stream ends, as the client must hear of something.
    stream.is_watched = loop.watchStream(stream.fd, index, stream.is_input) == 0;
    if (stream.is_watched) return;
    if (stream.is_input) return endInput(index, @intFromEnum(sys.E.NOMEM));
    connection.sendStreamEnd(stream.command, index);
    close(index);
}

fn unwatch(stream: *Stream) void {
    if (!stream.is_watched) return;
    loop.unwatch(stream.fd);
    stream.is_watched = false;
}

fn close(index: Index) void {
    const stream = &pool.items[index];
    unwatch(stream);
    if (stream.is_parked) unpark(index);
    freeBuffer(stream);
    sys.close(stream.fd);
    stream.fd = -1;
    pool.give(index);
    count -= 1;
}

fn unpark(index: Index) void {
    var at = &parked;
    while (at.* != index) at = &pool.items[at.*].next;
    at.* = pool.items[index].next;
}

fn freeBuffer(stream: *Stream) void {
    if (stream.buffer.len > 0) sys.freePages(stream.buffer);
    stream.buffer = &.{};
    stream.start = 0;
    stream.end = 0;
}
