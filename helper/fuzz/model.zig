//! The client's side of a life of the helper: what it has sent, by a decoder of its own (reference.zig), and whether what the
//! helper does is an answer to that. A command starts only where one was asked for that may (rules.zig), as it was asked for;
//! each is answered once and in order; and the conversation ends only for what is no message or has no place there.
const std = @import("std");
const connection = @import("../connection.zig");
const Host = @import("../host.zig").Host;
const limits = @import("../limits.zig");
const messages = @import("../messages.zig");
const once = @import("../once.zig");
const Plan = @import("../plan.zig").Plan;
const plans = @import("../plan.zig");
const reaper = @import("../reaper.zig");
const wire = @import("../wire.zig");
const requests = @import("../requests.zig");
const reference = @import("reference.zig");
const rules = @import("rules.zig");
const world = @import("world.zig");

const bug = world.bug;
const expect = world.expect;

const Command = struct {
    spawn: messages.Spawn,
    verdict: rules.Verdict,
    list_too_long: bool,
    /// The client had asked the helper to do nothing new any more.
    after_retire: bool,
    state: enum {
        /// The helper has it, and nothing was compared yet.
        queued,
        asked,
        frozen,
        unfrozen,
        running,
        done,
    } = .queued,
    first: ?u16 = null,
    program: ?u16 = null,
    /// Something has happened for which it may fail.
    spoilt: bool = false,
    /// Unfreeze came with the message after which it was frozen, before or behind it.
    unfreeze_sent: bool = false,
    released: bool = false,

    fn isActive(command: *const Command) bool {
        return switch (command.state) {
            .queued, .done => false,
            .asked, .frozen, .unfrozen, .running => true,
        };
    }

    fn pipesCount(command: *const Command) usize {
        var count: usize = 0;
        for (command.spawn.descriptors) |descriptor| switch (descriptor.source) {
            .pipe_read, .pipe_write => count += 1,
            else => {},
        };
        return count;
    }
};

const Frame = union(enum) {
    /// It ends the connection, for this reason.
    fatal: []const u8,
    /// It is no message.
    malformed,
    spawn: u16,
    other: *const messages.ToHelper,
    /// It is a message, and may use up the arena.
    repeated: *const Frame,
};

var memory: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
var host: *const Host = undefined;
var kept: u64 = 0;
var list: std.ArrayList(Command) = .empty;
var frames: std.ArrayList(Frame) = .empty;
var frames_served: usize = 0;
var parsed: usize = 0;
/// No message was taken up since what is answered now: what it names is still there.
var is_current = false;
/// What was parsed says that it is the last.
var is_over = false;
var greeted = false;
var retired = false;
var adoption_asked = false;

var output: std.ArrayList(u8) = .empty;
var output_taken: usize = 0;
var answers_count: usize = 0;
var open_streams: std.ArrayList(Stream) = .empty;
var signals: std.ArrayList(messages.Signal) = .empty;
var signals_answered: usize = 0;
var reaps: std.ArrayList(u32) = .empty;
var reaps_answered: usize = 0;
var faults_seen: usize = 0;

/// How many messages and commands there were in all.
pub var totals: struct { frames: u64 = 0, started: u64 = 0, executed: u64 = 0, refused: u64 = 0, closed: u64 = 0 } = .{};

pub fn reset(for_host: *const Host, kept_bits: u64) void {
    _ = memory.reset(.{ .retain_with_limit = 4 << 20 });
    host = for_host;
    kept = kept_bits;
    inline for (.{ &list, &frames, &output, &open_streams, &signals, &reaps }) |each| each.* = .empty;
    frames_served = 0;
    parsed = 0;
    is_over = false;
    greeted = false;
    retired = false;
    adoption_asked = false;
    output_taken = 0;
    answers_count = 0;
    signals_answered = 0;
    reaps_answered = 0;
    faults_seen = 0;
}

fn add(comptime T: type, to: *std.ArrayList(T), item: T) void {
    to.append(memory.allocator(), item) catch bug("out of memory");
}

// What the client sends.

/// The helper has been given all of `bytes` so far.
pub fn delivered(bytes: []const u8) void {
    while (!is_over) {
        var at = parsed;
        const size = reference.varint(bytes, &at) catch {
            // It is not complete, unless it is too long already.
            if (bytes.len - parsed >= limits.varint_size_max) addFatal("VarintTooLong");
            return;
        };
        if (size > limits.message_in_size_max) return addFatal("MessageTooLarge");
        if (size > bytes.len - at) return;
        parsed = at + @as(usize, @intCast(size));
        takeFrame(bytes[at..parsed]);
    }
}

fn addFatal(name: []const u8) void {
    add(Frame, &frames, .{ .fatal = name });
    is_over = true;
}

fn takeFrame(bytes: []const u8) void {
    totals.frames += 1;
    world.note("the client sends {x}", .{bytes[0..@min(bytes.len, 2000)]});
    var notes: reference.Notes = .{};
    const message = reference.decode(messages.ToHelper, bytes, memory.allocator(), &notes) catch
        return add(Frame, &frames, .malformed);
    const frame = classify(message, notes);
    if (frame == .fatal) is_over = true;
    if (!notes.repeated) return add(Frame, &frames, frame);
    is_over = false;
    const kept_frame = memory.allocator().create(Frame) catch bug("out of memory");
    kept_frame.* = frame;
    add(Frame, &frames, .{ .repeated = kept_frame });
}

fn classify(message: messages.ToHelper, notes: reference.Notes) Frame {
    var kinds: usize = 0;
    inline for (@typeInfo(messages.ToHelper).@"struct".fields) |field| {
        if (@field(message, field.name) != null) kinds += 1;
    }
    if (notes.list_too_long) return addCommand(message.spawn.?, true);
    if (kinds == 0) return .{ .fatal = "MessageEmpty" };
    if (kinds > 1) return .{ .fatal = "MessageAmbiguous" };
    if (message.hello) |hello| {
        if (greeted) return .{ .fatal = "HelloRepeated" };
        if (hello.protocol != 1) return .{ .fatal = "ProtocolMismatch" };
        greeted = true;
        adoption_asked = hello.subreaper;
    } else if (!greeted) return .{ .fatal = "HelloMissing" };
    if (message.retire != null) retired = true;
    if (message.spawn) |spawn| return addCommand(spawn, false);
    const kept_message = memory.allocator().create(messages.ToHelper) catch bug("out of memory");
    kept_message.* = message;
    return .{ .other = kept_message };
}

fn addCommand(spawn: messages.Spawn, list_too_long: bool) Frame {
    add(Command, &list, .{
        .spawn = spawn,
        .verdict = rules.judge(&spawn, host, kept),
        .list_too_long = list_too_long,
        .after_retire = retired,
    });
    return .{ .spawn = @intCast(list.items.len - 1) };
}

// What the helper does.

/// The helper makes the first process of the command that it was asked for just now. Returns which one.
pub fn started(plan: *const Plan, process: u16) u16 {
    const index = servedNow() orelse bug("a command is started that nobody asked for");
    const command = &list.items[index];
    expect(command.first == null, "a command has two first processes");
    expect(command.verdict != .refuse and !command.list_too_long, "a command is started that may not");
    expect(!command.after_retire, "a command is started for whom the helper does nothing more");
    expect(reference.same(messages.Spawn, command.spawn, plan.request), "a command is started that was asked for otherwise");
    command.first = process;
    checkPlan(plan);
    totals.started += 1;
    return index;
}

/// The command that the message asks for which is being served.
fn servedNow() ?u16 {
    return switch (frames.items[requests.served - 1]) {
        .spawn => |index| index,
        .repeated => |inner| if (inner.* == .spawn) inner.spawn else null,
        .fatal, .malformed, .other => null,
    };
}

fn checkPlan(plan: *const Plan) void {
    var seen: [3]bool = @splat(false);
    for (plan.descriptors(), 0..) |descriptor, index| {
        if (descriptor.number < 3) seen[@intCast(descriptor.number)] = true;
        if (index < plan.request.descriptors.len) {
            expect(descriptor.number == plan.request.descriptors[index].number, "another descriptor");
        } else expect(descriptor.source == .inherit, "a descriptor that was not asked for");
        switch (descriptor.source) {
            .helper => if (plan.request.seal_input and descriptor.number == 0) {
                expect(world.isOpenAs(@intCast(descriptor.fd), .memory), "an input that can be written to");
            } else expect(world.isOpenAs(@intCast(descriptor.fd), .kept), "a descriptor that is not the client's"),
            .pipe_read => expect(world.isOpenAs(@intCast(descriptor.fd), .reader), "the wrong end of a pipe"),
            .pipe_write, .stream_write => expect(world.isOpenAs(@intCast(descriptor.fd), .writer), "the wrong end of a pipe"),
            .stream_read => expect(world.isOpenAs(@intCast(descriptor.fd), .reader), "the wrong end of a pipe"),
            else => {},
        }
    }
    for (plan.request.joins) |join| {
        if (join.helper_descriptor == 0) continue;
        expect(world.isOpenAs(join.helper_descriptor, .kept), "a namespace that is not the client's");
    }
    for (seen) |there| expect(there, "a standard descriptor is missing");
}

/// The first process of the command that is being started, where there is one already.
pub fn firstOf(plan: *const Plan) ?u16 {
    if (plan.mapsWriter() != .commands) return null;
    const first = list.items[servedNow() orelse return null].first orelse return null;
    return if (world.isUnreaped(first)) first else null;
}

pub fn spawnOf(command: u16) *const messages.Spawn {
    return &list.items[command].spawn;
}

pub fn spoil(command: u16) void {
    list.items[command].spoilt = true;
}

pub fn executed(command: u16, process: u16) void {
    expect(list.items[command].program == null, "a command has two programs");
    list.items[command].program = process;
    totals.executed += 1;
}

pub fn sent(bytes: []const u8) void {
    output.appendSlice(memory.allocator(), bytes) catch bug("out of memory");
}

/// Compares all that was delivered with all that was answered, at a moment at which the helper has served every message.
pub fn settle() void {
    takeFaults();
    is_current = requests.served == frames_served;
    expect(requests.has_more or requests.served == frames.items.len, "not every message is taken up");
    serveUpTo(requests.served);
    while (takeAnswer()) {}
}

/// Compares what these messages ask for with what was answered.
fn serveUpTo(end: usize) void {
    while (frames_served < end) : (frames_served += 1) switch (frames.items[frames_served]) {
        .fatal => bug("what has no place here is accepted"),
        .malformed => expect(takeRefusal(null), "what is no message is accepted"),
        .repeated => |inner| if (inner.* == .fatal) bug("what has no place here is accepted") else serve(inner.*),
        else => |frame| serve(frame),
    };
}

/// Whoever was on its way when a call failed may have failed with it.
fn takeFaults() void {
    if (world.faults == faults_seen) return;
    faults_seen = world.faults;
    for (list.items) |*command| command.spoilt = true;
}

/// Whether no command has this number any more, after the answers that are there.
fn awaitFree(id: u32) bool {
    while (find(id) != null) {
        if (!takeAnswer()) return false;
    }
    return true;
}

fn find(id: u32) ?*Command {
    for (list.items) |*command| if (command.spawn.command == id and command.isActive()) return command;
    return null;
}

fn serve(frame: Frame) void {
    switch (frame) {
        .spawn => |index| {
            const command = &list.items[index];
            if (command.list_too_long) {
                command.state = .done;
                return expect(takeRefusal(command.spawn.command), "a list that is too long is accepted");
            }
            expect(awaitFree(command.spawn.command), "two commands have one number");
            command.state = .asked;
        },
        .other => |message| {
            if (message.signal) |signal| add(messages.Signal, &signals, signal);
            if (message.reap) |reap| add(u32, &reaps, reap.request);
            if (message.abort) |abort| if (find(abort.command)) |command| {
                command.spoilt = true;
            };
            if (message.retire != null) for (list.items) |*command| {
                command.spoilt = true;
            };
            if (message.unfreeze) |unfreeze| if (find(unfreeze.command)) |command| {
                if (command.state == .frozen) command.state = .unfrozen;
                if (command.state == .asked) command.unfreeze_sent = isNext("frozen", unfreeze.command);
            };
            if (message.stream_credit) |credit| if (findStream(credit.stream)) |stream| {
                if (stream.command == credit.command) stream.window += credit.size;
            };
            if (message.release_pipes) |release| if (find(release.command)) |command| {
                // With a Reap beside it, it may have been told just before.
                if (command.state == .running or isNext("spawned", release.command)) command.released = true;
            };
        },
        else => unreachable,
    }
}

fn nextAnswer() ?messages.ToClient {
    const bytes = output.items[output_taken..];
    var at: usize = 0;
    const size = reference.varint(bytes, &at) catch return null;
    if (size > bytes.len - at) return null;
    output_taken += at + @as(usize, @intCast(size));
    var notes: reference.Notes = .{};
    const answer = reference.decode(messages.ToClient, bytes[at..][0..@intCast(size)], memory.allocator(), &notes) catch
        bug("the helper sends what is no message");
    expect(!notes.repeated and !notes.list_too_long, "the helper sends a message that is none of its own");
    inline for (@typeInfo(messages.ToClient).@"struct".fields) |field| if (@field(answer, field.name)) |inside| {
        world.note("the helper sends {s} {any}", .{ field.name, inside });
    };
    return answer;
}

/// Whether the command was told this while these messages were served.
fn isNext(comptime kind: []const u8, id: u32) bool {
    const before = output_taken;
    defer output_taken = before;
    while (nextAnswer()) |answer| if (@field(answer, kind)) |told| if (told.command == id) return true;
    return false;
}

/// Takes answers up to one that refuses a command past a limit, of this number; false where there is none.
fn takeRefusal(id: ?u32) bool {
    while (true) {
        const before = output_taken;
        const answer = nextAnswer() orelse return false;
        if (answer.spawn_failed) |failed| {
            if (failed.stage == .limit and std.mem.indexOf(u8, failed.detail, ": at most ") != null) {
                if (id == null or failed.command == id.?) {
                    totals.refused += 1;
                    return true;
                }
            }
        }
        output_taken = before;
        if (answer.protocol_error != null or !takeAnswer()) return false;
    }
}

/// Compares the next answer with what is known. False: there is none, or it is the last one, that the connection ends.
fn takeAnswer() bool {
    const before = output_taken;
    const answer = nextAnswer() orelse return false;
    answers_count += 1;
    expect((answer.hello != null) == (answers_count == 1), "Hello is not the first, or not the only one");
    if (answer.protocol_error != null) {
        output_taken = before;
        answers_count -= 1;
        return false;
    }
    if (answer.frozen) |frozen| takeFrozen(frozen);
    if (answer.spawned) |spawned| takeSpawned(spawned);
    if (answer.spawn_failed) |failed| takeFailed(failed);
    if (answer.died) |died| takeDied(died);
    if (answer.stopped) |stopped| {
        expect(stopped.signal == 19 or stopped.signal == 22, "another signal has stopped it");
        expectRunning(stopped.command, stopped.pid);
    }
    if (answer.continued) |continued| expectRunning(continued.command, continued.pid);
    if (answer.signal_result) |result| takeSignalResult(result);
    if (answer.reaped) |reaped| {
        expect(reaps_answered < reaps.items.len and reaps.items[reaps_answered] == reaped.request, "Reaped out of order");
        reaps_answered += 1;
    }
    if (answer.stream_data) |data| takeStreamData(data);
    if (answer.stream_credit) |credit| takeStreamCredit(credit);
    if (answer.close_stream) |closed| takeCloseStream(closed);
    if (answer.limit_reached != null) expect(once.active, "a limit of a run that there is not");
    return true;
}

fn active(id: u32) *Command {
    return find(id) orelse bug("an answer to what was not asked");
}

fn takeFrozen(frozen: messages.Frozen) void {
    const command = active(frozen.command);
    expect(command.state == .asked and command.spawn.freeze, "Frozen where it is not due");
    command.state = if (command.unfreeze_sent) .unfrozen else .frozen;
}

fn takeSpawned(spawned: messages.Spawned) void {
    const command = active(spawned.command);
    expect(command.state == @as(@TypeOf(command.state), if (command.spawn.freeze) .unfrozen else .asked), "Spawned where it is not due");
    const program = command.program orelse bug("Spawned without a program");
    expect(spawned.pid == world.pidOf(program), "Spawned names another process");
    command.state = if (isOrphans(spawned.command)) .done else .running;
    if (once.active) {
        command.released = true;
        return expect(spawned.pipes.len == 0, "pipes that nobody can open");
    }
    expect(spawned.pipes.len == command.pipesCount(), "not all pipes are named");
    for (spawned.streams) |told| openStream(command, told);
    for (spawned.pipes) |pipe| {
        const source = for (command.spawn.descriptors) |descriptor| {
            if (descriptor.number == pipe.number) break descriptor.source;
        } else bug("a pipe that was not asked for");
        const is_right = switch (source) {
            .pipe_read => world.isOpenAs(pipe.helper_descriptor, .writer),
            .pipe_write => world.isOpenAs(pipe.helper_descriptor, .reader),
            else => false,
        };
        if (is_current) expect(is_right and world.inodeOf(@intCast(pipe.helper_descriptor)) == pipe.inode, "another pipe");
    }
}

/// What the client knows of a stream.
const Stream = struct {
    command: u32,
    stream: u32,
    is_input: bool,
    ended: bool = false,
    /// Bytes that the helper may still send.
    window: u64,
};

fn openStream(command: *const Command, told: messages.Stream) void {
    const descriptor = for (command.spawn.descriptors) |descriptor| {
        if (descriptor.number == told.number) break descriptor;
    } else bug("a stream that was not asked for");
    const is_input = descriptor.source == .stream_read;
    expect(is_input or descriptor.source == .stream_write, "a stream that was to be something else");
    expect(findStream(told.stream) == null, "a stream has the number of another one");
    add(Stream, &open_streams, .{
        .command = command.spawn.command,
        .stream = told.stream,
        .is_input = is_input,
        .window = limits.stream_window,
    });
}

fn findStream(number: u32) ?*Stream {
    for (open_streams.items) |*stream| if (stream.stream == number and !stream.ended) return stream;
    return null;
}

fn takeStreamData(data: messages.StreamData) void {
    const stream = findStream(data.stream) orelse bug("bytes of a stream that is not open");
    expect(stream.command == data.command and !stream.is_input, "bytes of another stream");
    expect(data.data.len <= stream.window, "more bytes than the window");
    for (data.data) |byte| expect(byte == 'o', "bytes that no program wrote");
    expect(data.data.len > 0 or data.end, "a message that says nothing");
    stream.window -= data.data.len;
    stream.ended = data.end;
}

fn takeStreamCredit(credit: messages.StreamCredit) void {
    const stream = findStream(credit.stream) orelse bug("credit of a stream that is not open");
    expect(stream.command == credit.command and stream.is_input, "credit of another stream");
    expect(credit.size > 0, "credit for nothing");
}

fn takeCloseStream(closed: messages.CloseStream) void {
    const stream = findStream(closed.stream) orelse bug("the end of a stream that is not open");
    expect(stream.command == closed.command and stream.is_input, "the end of another stream");
    stream.ended = true;
}

fn takeFailed(failed: messages.SpawnFailed) void {
    const command = active(failed.command);
    switch (command.state) {
        .asked, .frozen, .unfrozen => {},
        else => bug("SpawnFailed after Spawned"),
    }
    expect(failed.stage != .unspecified, "a failure without a stage");
    if (command.first) |first| {
        expect(command.spoilt, "a command fails for nothing");
        expect(!world.isUnreaped(first), "what has failed is not reaped");
    } else switch (command.verdict) {
        .refuse => expect(failed.detail.len > 0 or failed.stage == .set_user or command.after_retire, "a refusal without a reason"),
        .start => expect(command.spoilt or command.after_retire, "a command is refused for nothing"),
        .either => {},
    }
    if (command.first == null) totals.refused += 1;
    command.state = .done;
}

fn takeDied(died: messages.Died) void {
    if (isOrphans(died.command)) return;
    const command = active(died.command);
    expect(command.state == .running, "Died where it is not due");
    const program = command.program.?;
    expect(died.pid == world.pidOf(program), "another process died");
    const status = world.statusOf(program) orelse bug("Died of what lives");
    const told = died.exit_status orelse bug("Died without a status");
    const signal = status & 0x7f;
    expect(told.signal == signal and told.core_dumped == (status & 0x80 != 0), "another signal");
    expect(told.exit_code == if (signal == 0) status >> 8 else 0, "another exit code");
    expect(command.pipesCount() == 0 or command.released, "Died before ReleasePipes");
    command.state = .done;
}

/// Whether this is told of an orphan; or of a command that the client has given the orphans' number, which are then told apart
/// by nobody.
fn isOrphans(id: u32) bool {
    return id == 0 and reaper.adopts and adoption_asked;
}

fn expectRunning(id: u32, pid: u32) void {
    if (isOrphans(id)) return;
    const command = active(id);
    expect(command.state == .running, "news of what does not run");
    expect(pid == world.pidOf(command.program.?), "news of another process");
}

fn takeSignalResult(result: messages.SignalResult) void {
    expect(signals_answered < signals.items.len, "SignalResult for nothing");
    const asked = signals.items[signals_answered];
    signals_answered += 1;
    expect(asked.request == result.request, "SignalResult out of order");
    const is_signal = asked.signal <= 64;
    expect((result.errno == @intFromEnum(std.os.linux.E.INVAL)) == !is_signal, "a signal that there is not");
}

/// Nothing will happen by itself any more: whoever asked for something has an answer.
pub fn expectAnswered() void {
    for (list.items) |command| switch (command.state) {
        .asked => bug("a command is not answered"),
        .unfrozen => if (!command.unfreeze_sent) bug("a command is not answered"),
        .queued => if (!once.active) bug("a command is not served"),
        .frozen, .running, .done => {},
    };
    expect(signals_answered == signals.items.len and reaps_answered == reaps.items.len, "a request is not answered");
}

/// The helper has ended with this status.
pub fn finish(status: u8) void {
    if (world.gave_up) return;
    world.expectNothingLeft();
    if (status == 0) {
        settle();
        return expect(output_taken == output.items.len, "the last message is not complete");
    }
    takeFaults();
    totals.closed += 1;
    const name = lastName();
    const served = requests.served;
    // What has no length is not taken up as a message. It may follow one that cannot be read and is refused nevertheless.
    const has_no_length = served < frames.items.len and frames.items[served] == .fatal and
        is(frames.items[served].fatal, name) and (is("VarintTooLong", name) or is("MessageTooLarge", name));
    const may_be_last = served > frames_served and (!has_no_length or frames.items[served - 1] == .malformed);
    serveUpTo(if (may_be_last) served - 1 else served);
    if (may_be_last and !(has_no_length and takeRefusal(null))) {
        expect(isReason(name, frames.items[served - 1]), "the connection is ended for nothing, or by another name");
    } else expect(has_no_length, "the connection is ended for nothing, before the first message");
    while (takeAnswer()) {}
    _ = nextAnswer();
    expect(output_taken == output.items.len, "something comes after the end");
}

/// Whether the connection is to be ended for this message, and by this name.
fn isReason(name: []const u8, frame: Frame) bool {
    return switch (frame) {
        .fatal => |reason| is(reason, name),
        .malformed => isDecodeError(name),
        .repeated => |inner| is("ArenaExhausted", name) or is("ListTooLong", name) or isReason(name, inner.*),
        .spawn => |index| if (list.items[index].list_too_long)
            // Where the command has no number, nobody can be told that it is refused.
            is("ListTooLong", name) and list.items[index].spawn.command == 0
        else
            is("CommandInUse", name) and (isOrphans(list.items[index].spawn.command) or !awaitFree(list.items[index].spawn.command)),
        .other => |message| is("StreamOverrun", name) and (message.stream_data != null or message.stream_credit != null),
    };
}

fn is(expected: []const u8, name: []const u8) bool {
    return std.mem.eql(u8, expected, name);
}

/// What the helper has said at its end.
fn lastName() []const u8 {
    const before = output_taken;
    defer output_taken = before;
    var name: ?[]const u8 = null;
    while (nextAnswer()) |answer| name = if (answer.protocol_error) |last| last.name else null;
    return name orelse bug("the connection is ended without a word");
}

fn isDecodeError(name: []const u8) bool {
    inline for (@typeInfo(wire.Error).error_set.?) |known| {
        // Only a message that has a field repeatedly may.
        if (comptime std.mem.eql(u8, known.name, "ArenaExhausted")) continue;
        if (std.mem.eql(u8, known.name, name)) return true;
    }
    return false;
}
