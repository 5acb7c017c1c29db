//! What is behind the calls of kernel.zig: descriptors, pipes and processes that are entries of tables, and a client that sends
//! what it was given, in pieces. Everything that may happen sooner or later happens when the dice say so.
//!
//! It watches what the helper does: that it closes, reads and signals what is its own only, never waits for anybody, and
//! changes no command on its way.
const std = @import("std");
const connection = @import("../connection.zig");
const limits = @import("../limits.zig");
const messages = @import("../messages.zig");
const once = @import("../once.zig");
const Plan = @import("../plan.zig").Plan;
const commands = @import("../commands.zig");
const report = @import("../report.zig");
const starter = @import("../starter.zig");
const streams = @import("../streams.zig");
const sys = @import("../sys.zig");
const kernel = @import("kernel.zig");
const model = @import("model.zig");
const rules = @import("rules.zig");
const same = @import("reference.zig").same;

const E = kernel.E;
const failure = kernel.failure;

pub fn bug(comptime message: []const u8) noreturn {
    @branchHint(.cold);
    @panic(message);
}

/// Each step is told, for whoever looks for the reason of a bug.
pub var is_told = false;

pub fn note(comptime format: []const u8, arguments: anytype) void {
    if (is_told) std.debug.print("  " ++ format ++ "\n", arguments);
}

pub fn expect(ok: bool, comptime message: []const u8) void {
    if (!ok) bug(message);
}

const fds_max = 4096;
const pipes_max = 8192;
const processes_max = 1024;
const pipe_size = 80;

const Fd = union(enum) {
    free,
    standard,
    /// One more of a standard or a kept one.
    copy,
    control,
    kept,
    epoll,
    signal,
    status_file,
    terminal,
    /// A memfd.
    memory,
    /// The process of this index.
    process_directory: u16,
    map_file: MapFile,
    reader: u16,
    writer: u16,
};

const MapFile = struct { process: u16, name: enum { uid_map, gid_map, setgroups } };

const Pipe = struct {
    readers: u16,
    writers: u16,
    /// The helper's ends do not wait.
    nonblocking: bool,
    used: u16 = 0,
    bytes: [pipe_size]u8 = undefined,
    /// Somebody has written to it who has no business there.
    forged: bool = false,
};

const Role = enum { child, joiner, map_runner, program, stranger };

const Process = struct {
    pid: sys.pid_t,
    role: Role,
    /// The model's command.
    command: u16 = 0,
    state: enum { lives, zombie, reaped } = .lives,
    /// What wait4 has to tell.
    news: enum { none, stopped, continued, dead } = .none,
    status: u32 = 0,
    /// How many processes there had been when it was reaped.
    reaped_at: usize = 0,
    /// It reads its plan where the helper has it.
    shared: ?*const Plan = null,
    diagnoses: bool = false,
    awaits_go: bool = false,
    told: bool = false,
    /// Of a joiner: the process that it has made.
    made: ?u16 = null,
    has_joiner: bool = false,
    /// Pipe ends that it has, as indexes of pipes.
    report: ?u16 = null,
    go: ?u16 = null,
    pid_pipe: ?u16 = null,
    stderr: ?u16 = null,
    /// Those at its standard output and error.
    outputs: [2]?u16 = @splat(null),
    /// What it reads, if that is a stream.
    input: ?u16 = null,
};

const Watch = struct { events: u32, data: u32 };

/// How the client's bytes are cut.
const Cut = enum { whole, bytes, small, large };

var random_state: std.Random.DefaultPrng = undefined;
pub var random: std.Random = undefined;

var fds: [fds_max]Fd = @splat(.free);
var watches: [fds_max]?Watch = @splat(null);
var fds_end: usize = 0;
var fds_open: usize = 0;
var pipes: [pipes_max]Pipe = undefined;
var pipes_used: usize = 0;
var processes: [processes_max]Process = undefined;
var processes_used: usize = 0;
var next_pid: sys.pid_t = 0;
/// SIGCHLD is pending.
var signalled = false;
var clock_ms: u64 = 0;
/// One in how many calls fails that can; 0: none.
var fault_odds: u32 = 0;
pub var faults: usize = 0;

var stream: []const u8 = &.{};
var stream_at: usize = 0;
var cut: Cut = .whole;
/// The helper was told of an error, for it would wait forever.
pub var gave_up = false;

pub fn reset(seed: u64, bytes: []const u8, kept: usize, with_faults: bool) void {
    random_state = .init(seed);
    random = random_state.random();
    @memset(fds[0..fds_end], .free);
    @memset(watches[0..fds_end], null);
    fds_end = 0;
    fds_open = 0;
    for (0..3) |_| _ = openAs(.standard);
    _ = openAs(.control);
    for (0..kept) |_| _ = openAs(.kept);
    fds_open = 0;
    pipes_used = 0;
    processes_used = 0;
    next_pid = 2;
    signalled = false;
    clock_ms = 1_000_000;
    foreground = kernel.own_pid;
    fault_odds = if (with_faults) random.intRangeAtMost(u32, 2, 64) else 0;
    faults = 0;
    stream = bytes;
    stream_at = 0;
    gave_up = false;
    cut = random.enumValue(Cut);
    if (cut == .bytes and bytes.len > 400) cut = .small;
    if (bytes.len > 20_000) cut = if (random.boolean()) .whole else .large;
}

pub fn chance(one_in: u32) bool {
    return random.uintLessThan(u32, one_in) == 0;
}

pub fn fails() bool {
    if (fault_odds == 0 or !chance(fault_odds)) return false;
    faults += 1;
    note("a call fails", .{});
    return true;
}

pub fn now() u64 {
    clock_ms += random.uintAtMost(u64, 20);
    return clock_ms;
}

// Descriptors.

fn lowestFree() ?usize {
    for (fds[0..fds_end], 0..) |fd, number| if (fd == .free) return number;
    if (fds_end == fds_max) return null;
    fds_end += 1;
    return fds_end - 1;
}

pub fn openAs(what: Fd) usize {
    const number = lowestFree() orelse {
        faults += 1;
        return failure(.MFILE);
    };
    fds[number] = what;
    fds_open += 1;
    return number;
}

fn at(fd: sys.fd_t) *Fd {
    expect(fd >= 0 and fd < fds_end and fds[@intCast(fd)] != .free, "a descriptor that is not open");
    return &fds[@intCast(fd)];
}

pub fn expectOpen(fd: sys.fd_t) void {
    _ = at(fd);
}

pub fn isOpenAs(fd: u32, what: std.meta.Tag(Fd)) bool {
    return fd < fds_end and fds[fd] == what;
}

pub fn close(fd: sys.fd_t) void {
    const place = at(fd);
    switch (place.*) {
        .free => unreachable,
        .control, .epoll, .signal => bug("what the helper lives by is closed"),
        .reader => |pipe| pipes[pipe].readers -= 1,
        .writer => |pipe| pipes[pipe].writers -= 1,
        // Not counted.
        .standard, .kept => fds_open += 1,
        .copy, .status_file, .terminal, .process_directory, .map_file, .memory => {},
    }
    if (watches[@intCast(fd)] != null) {
        expect(once.active, "a descriptor is closed that is watched");
        watches[@intCast(fd)] = null;
    }
    place.* = .free;
    fds_open -= 1;
}

pub fn open(directory: sys.fd_t, path: []const u8) usize {
    // /dev/null in the place of a standard descriptor must not fail.
    if (std.mem.eql(u8, path, "/dev/null")) {
        defer fds_open -= 1;
        return openAs(.standard);
    }
    if (fails()) return failure(if (random.boolean()) .NOENT else .MFILE);
    if (directory == kernel.AT.FDCWD) {
        if (std.mem.eql(u8, path, "/proc/self/status")) return openAs(.status_file);
        if (std.mem.eql(u8, path, "/dev/tty")) return openAs(.terminal);
        expect(std.mem.startsWith(u8, path, "/proc/"), "a path is opened that is none of the helper's");
        const pid = std.fmt.parseInt(sys.pid_t, path["/proc/".len..], 10) catch bug("a path below /proc");
        const process = findProcess(pid) orelse bug("the directory of a process that there is not");
        return openAs(.{ .process_directory = process });
    }
    const process = switch (at(directory).*) {
        .process_directory => |index| index,
        else => bug("a path in something that is no directory"),
    };
    const name = std.meta.stringToEnum(@FieldType(MapFile, "name"), path) orelse bug("a file of no map");
    return openAs(.{ .map_file = .{ .process = process, .name = name } });
}

/// The group in the foreground of the only terminal.
var foreground: sys.pid_t = kernel.own_pid;

pub fn controlTerminal(fd: sys.fd_t, request: u32, group: *sys.pid_t) usize {
    if (at(fd).* != .terminal or fails()) return failure(.NOTTY);
    switch (request) {
        sys.TIOCGPGRP => group.* = foreground,
        sys.TIOCSPGRP => {
            expect(group.* == kernel.own_pid or findProcess(group.*) != null, "a group in the foreground that there is not");
            foreground = group.*;
        },
        else => bug("ioctl with another request"),
    }
    return 0;
}

pub fn makePipe(ends: *[2]sys.fd_t, nonblocking: bool) usize {
    if (fails()) return failure(if (random.boolean()) .MFILE else .NFILE);
    if (pipes_used == pipes_max or fds_end + 2 > fds_max) {
        faults += 1;
        return failure(.NFILE);
    }
    const index: u16 = @intCast(pipes_used);
    pipes[index] = .{ .readers = 1, .writers = 1, .nonblocking = nonblocking };
    pipes_used += 1;
    ends.* = .{ @intCast(openAs(.{ .reader = index })), @intCast(openAs(.{ .writer = index })) };
    return 0;
}

pub fn inodeOf(fd: sys.fd_t) u64 {
    return 1000 + @as(u64, switch (at(fd).*) {
        .reader, .writer => |pipe| pipe,
        else => bug("the identity of what is no pipe"),
    });
}

pub fn fcntl(fd: sys.fd_t, command: usize, value: usize) usize {
    switch (command) {
        sys.F_GETFD => return if (fd < fds_end and fds[@intCast(fd)] != .free) 0 else failure(.BADF),
        sys.F_ADD_SEALS => {
            expect(isOpenAs(@intCast(fd), .memory) and value == 0xf, "other seals");
            return if (fails()) failure(.PERM) else 0;
        },
        sys.F_SETPIPE_SZ => {
            expectOpen(fd);
            return if (chance(4)) failure(.PERM) else value;
        },
        sys.F_DUPFD_CLOEXEC => {
            const what = at(fd).*;
            const number = openAs(switch (what) {
                .standard, .kept => .copy,
                else => what,
            });
            switch (what) {
                .reader => |pipe| pipes[pipe].readers += 1,
                .writer => |pipe| pipes[pipe].writers += 1,
                else => {},
            }
            return number;
        },
        sys.F_GETFL => {
            expectLent(fd);
            return if (chance(2)) sys.open_nonblock else 0;
        },
        sys.F_SETFL => {
            switch (at(fd).*) {
                // The helper's end of a stream.
                .reader, .writer => |pipe| {
                    expect(value == sys.open_nonblock, "other flags");
                    if (fails()) return failure(.INVAL);
                    pipes[pipe].nonblocking = true;
                },
                else => expectLent(fd),
            }
            return 0;
        },
        else => bug("another fcntl"),
    }
}

pub fn readableSize(fd: sys.fd_t) i32 {
    return switch (at(fd).*) {
        .reader => |pipe| pipes[pipe].used,
        else => bug("the size of what is no pipe"),
    };
}

/// No flags but those of what commands share with the client are changed.
fn expectLent(fd: sys.fd_t) void {
    switch (at(fd).*) {
        .standard, .kept, .copy => {},
        else => bug("the flags of another descriptor"),
    }
}

pub fn read(fd: sys.fd_t, buffer: []u8) usize {
    const pipe = switch (at(fd).*) {
        .control => return takeStream(buffer),
        .signal => {
            signalled = false;
            return buffer.len;
        },
        .status_file => {
            const is_other = chance(32);
            faults += @intFromBool(is_other);
            const text = if (is_other) "Name:\ta\nNSpid:\t9\t1\n" else "Name:\ta\nNSpid:\t1\n";
            @memcpy(buffer[0..text.len], text);
            return text.len;
        },
        .reader => |index| &pipes[index],
        else => bug("what is read is not to be"),
    };
    if (pipe.used == 0 and pipe.writers > 0) {
        expect(pipe.nonblocking, "the helper waits in read");
        return failure(.AGAIN);
    }
    const size = @min(pipe.used, buffer.len);
    @memcpy(buffer[0..size], pipe.bytes[0..size]);
    std.mem.copyForwards(u8, pipe.bytes[0 .. pipe.used - size], pipe.bytes[size..pipe.used]);
    pipe.used -= @intCast(size);
    return size;
}

pub fn write(fd: sys.fd_t, bytes: []const u8) usize {
    switch (at(fd).*) {
        .control => return send(fd, bytes),
        .map_file => |file| {
            if (fails()) return failure(if (random.boolean()) .PERM else .INVAL);
            checkMap(file, bytes);
            return bytes.len;
        },
        .writer => |index| {
            const pipe = &pipes[index];
            if (pipe.readers == 0) return failure(.PIPE);
            if (put(index, bytes)) return bytes.len;
            expect(pipe.nonblocking, "the helper waits in write");
            const size = pipe.bytes.len - pipe.used;
            if (size == 0) return failure(.AGAIN);
            expect(put(index, bytes[0..size]), "room that there is not");
            return size;
        },
        else => bug("what is written is not to be"),
    }
}

fn put(index: u16, bytes: []const u8) bool {
    const pipe = &pipes[index];
    if (pipe.used + bytes.len > pipe.bytes.len) return false;
    @memcpy(pipe.bytes[pipe.used..][0..bytes.len], bytes);
    pipe.used += @intCast(bytes.len);
    return true;
}

fn checkMap(file: MapFile, bytes: []const u8) void {
    expect(bytes.len < 4096, "a map that the kernel does not take");
    const spawn = model.spawnOf(processes[file.process].command);
    const rows = switch (file.name) {
        .uid_map => spawn.uid_maps,
        .gid_map => spawn.gid_maps,
        .setgroups => return expect(std.mem.eql(u8, bytes, "deny"), "setgroups is not denied"),
    };
    var buffer: [4096]u8 = undefined;
    var size: usize = 0;
    for (rows) |row| {
        const line = std.fmt.bufPrint(buffer[size..], "{d} {d} {d}\n", .{ row.inside, row.outside, row.count }) catch
            bug("a map that is too long is written");
        size += line.len;
    }
    expect(std.mem.eql(u8, buffer[0..size], bytes), "a map is not the one that was asked for");
}

pub fn splice(from: sys.fd_t, to: sys.fd_t, size: usize) usize {
    expect(to == 1 or to == 2, "output goes elsewhere");
    expectOpen(to);
    const pipe = switch (at(from).*) {
        .reader => |index| &pipes[index],
        else => bug("output of what is no pipe"),
    };
    if (chance(8)) return failure(if (random.boolean()) .AGAIN else .INTR);
    if (chance(64)) return failure(.PIPE);
    if (pipe.used == 0) return if (pipe.writers == 0) 0 else failure(.AGAIN);
    const moved = random.intRangeAtMost(usize, 1, @min(size, pipe.used));
    pipe.used -= @intCast(moved);
    return moved;
}

// The client.

pub fn receive(fd: sys.fd_t, buffer: []u8) usize {
    expect(at(fd).* == .control, "messages from what is not the client");
    if (chance(32)) return failure(if (random.boolean()) .AGAIN else .INTR);
    return takeStream(buffer);
}

fn takeStream(buffer: []u8) usize {
    connection.flushAll();
    model.settle();
    const left = stream[stream_at..];
    if (left.len == 0) {
        return if (once.active or random.boolean()) 0 else failure(.CONNRESET);
    }
    const most: usize = switch (cut) {
        .whole => left.len,
        .bytes => 1,
        .small => random.intRangeAtMost(usize, 1, 64),
        .large => random.intRangeAtMost(usize, 1, 8192),
    };
    const size = @min(most, left.len, buffer.len);
    @memcpy(buffer[0..size], left[0..size]);
    stream_at += size;
    model.delivered(stream[0..stream_at]);
    return size;
}

pub fn send(fd: sys.fd_t, bytes: []const u8) usize {
    expect(at(fd).* == .control, "messages to what is not the client");
    if (chance(32)) return failure(if (random.boolean()) .AGAIN else .INTR);
    const size = if (chance(16)) random.intRangeAtMost(usize, 1, bytes.len) else bytes.len;
    model.sent(bytes[0..size]);
    return size;
}

// Events.

pub fn watch(fd: sys.fd_t, event: kernel.epoll_event) usize {
    expectOpen(fd);
    if (!once.active and at(fd).* == .reader and fails()) return failure(.NOMEM);
    const place = &watches[@intCast(fd)];
    expect(place.* == null, "a descriptor is watched twice");
    place.* = .{ .events = event.events, .data = event.data.u32 };
    return 0;
}

pub fn unwatch(fd: sys.fd_t) usize {
    expectOpen(fd);
    const was = watches[@intCast(fd)] != null;
    watches[@intCast(fd)] = null;
    return if (was) 0 else failure(.NOENT);
}

pub fn rewatch(fd: sys.fd_t, event: kernel.epoll_event) usize {
    expectOpen(fd);
    expect(watches[@intCast(fd)] != null, "what is not watched is watched for something else");
    watches[@intCast(fd)] = .{ .events = event.events, .data = event.data.u32 };
    return 0;
}

/// What epoll has to tell of a descriptor.
fn eventsOf(fd: usize, events: u32) u32 {
    return switch (fds[fd]) {
        .control => kernel.EPOLL.IN,
        .signal => if (signalled) kernel.EPOLL.IN else 0,
        .reader => |index| happened: {
            const pipe = &pipes[index];
            var ready: u32 = 0;
            if (pipe.used > 0 and events & kernel.EPOLL.IN != 0) ready |= kernel.EPOLL.IN;
            if (pipe.writers == 0) ready |= kernel.EPOLL.HUP;
            break :happened ready;
        },
        .writer => |index| happened: {
            const pipe = &pipes[index];
            var ready: u32 = 0;
            if (pipe.used < pipe_size and events & kernel.EPOLL.OUT != 0) ready |= kernel.EPOLL.OUT;
            if (pipe.readers == 0) ready |= kernel.EPOLL.ERR;
            break :happened ready;
        },
        else => bug("something else is watched"),
    };
}

pub fn wait(events: []kernel.epoll_event, timeout: i32) usize {
    connection.flushAll();
    model.settle();
    if (commands.count == 0 and !once.active) {
        // The epoll itself, the signalfd and a pipe for each stream.
        expect(fds_open == 2 + streams.count, "a descriptor is left open");
    }
    if (chance(64)) return failure(.INTR);
    var steps = random.uintLessThan(usize, 4);
    while (true) {
        for (0..steps) |_| if (!stepAny(chance(2))) break;
        const has_more = stream_at < stream.len;
        var count = collect(events, has_more, true);
        if (count > 0 or timeout == 0) return count;
        if (has_more and !once.active) {
            events[0] = eventOf(connection.control_fd);
            return 1;
        }
        if (timeout >= 0 and chance(4)) {
            clock_ms += @intCast(timeout);
            return 0;
        }
        if (stepAny(false)) continue;
        count = collect(events, has_more, false);
        if (count > 0) return count;
        // Nothing will happen by itself any more, but to programs.
        model.expectAnswered();
        steps = 1;
        if (once.active) {
            if (stepAny(true)) continue;
            if (timeout >= 0) {
                clock_ms += @intCast(timeout);
                return 0;
            }
            // A frozen command: nobody is there to let it go on.
            gave_up = true;
            return failure(.BADF);
        }
        if (!chance(3) and stepAny(true)) continue;
        events[0] = eventOf(connection.control_fd);
        return 1;
    }
}

fn eventOf(fd: usize) kernel.epoll_event {
    const found = watches[fd] orelse bug("the client is not watched");
    return .{ .events = eventsOf(fd, found.events), .data = .{ .u32 = found.data } };
}

/// Some of what has happened, in any order. That the client is gone is told alone, when all else was.
fn collect(events: []kernel.epoll_event, has_more: bool, some: bool) usize {
    var count: usize = 0;
    for (watches[0..fds_end], 0..) |found, fd| {
        if (found == null or (fds[fd] == .control and (!has_more or chance(2)))) continue;
        if (eventsOf(fd, found.?.events) == 0 or (some and chance(4))) continue;
        if (count == events.len) break;
        events[count] = eventOf(fd);
        count += 1;
    }
    random.shuffle(kernel.epoll_event, events[0..count]);
    return count;
}

// Processes.

fn findProcess(pid: sys.pid_t) ?u16 {
    for (processes[0..processes_used], 0..) |process, index| {
        if (process.pid == pid and process.state != .reaped) return @intCast(index);
    }
    return null;
}

/// Numbers are used again, and collide in tables. Only those of what was reaped before there were `before` processes: one by
/// one, the kernel gives all others in between.
fn newPid(before: usize) sys.pid_t {
    if (processes_used > 0 and chance(4)) {
        const process = processes[random.uintLessThan(usize, processes_used)];
        if (isLongFree(process.pid, before)) return process.pid;
        if (isLongFree(process.pid + 4096, before)) return process.pid + 4096;
    }
    while (findProcess(next_pid) != null) next_pid += 1;
    next_pid += 1;
    return next_pid - 1;
}

fn isLongFree(pid: sys.pid_t, before: usize) bool {
    for (processes[0..processes_used]) |process| {
        if (process.pid == pid and (process.state != .reaped or process.reaped_at > before)) return false;
    }
    return true;
}

fn addProcess(process: Process) u16 {
    note("{d} ({t}) of command {d} is made", .{ process.pid, process.role, process.command });
    processes[processes_used] = process;
    processes_used += 1;
    return @intCast(processes_used - 1);
}

fn clonesFail() bool {
    if (processes_used + 1 >= processes_max) {
        faults += 1;
        return true;
    }
    return fails();
}

/// Of a child that shares memory: `argument` is what it is started with.
pub fn clone(argument: usize, _: u32) usize {
    const plan: *const Plan = @ptrFromInt(argument);
    expect(plan == starter.current, "another plan is launched");
    if (chance(16)) return failure(.INVAL);
    if (clonesFail()) return failure(.AGAIN);
    return makeFirst(plan, plan);
}

pub fn cloneLikeFork(flags: u64) usize {
    const plan = starter.current;
    if (clonesFail()) return failure(if (random.boolean()) .AGAIN else .NOSPC);
    if (model.firstOf(plan)) |first| return makeRunner(first, plan);
    expect(flags == plan.firstNamespaces(), "the namespaces are not those of the plan");
    return makeFirst(plan, null);
}

fn makeFirst(plan: *const Plan, shared: ?*const Plan) usize {
    const command = model.started(plan, @intCast(processes_used));
    var process: Process = .{
        .pid = newPid(processes_used),
        .role = if (plan.hasJoiner()) .joiner else .child,
        .command = command,
        .shared = shared,
        .diagnoses = plan.diagnose != null,
        .awaits_go = if (plan.hasJoiner()) plan.joins == 0 and plan.hasMaps() and !plan.opensFirst() else plan.waitsForGo(),
        .has_joiner = plan.hasJoiner(),
        .report = holdWriter(plan.report),
        .go = if (plan.go >= 0) holdReader(plan.go) else null,
    };
    for (plan.descriptors()) |descriptor| {
        if (descriptor.source == .stream_read and descriptor.number == 0) process.input = holdReader(descriptor.fd);
        if (descriptor.source != .pipe_write and descriptor.source != .stream_write) continue;
        if (descriptor.number < 1 or descriptor.number > 2) continue;
        process.outputs[@intCast(descriptor.number - 1)] = holdWriter(descriptor.fd);
    }
    return @intCast(processes[addProcess(process)].pid);
}

fn makeRunner(first: u16, plan: *const Plan) usize {
    pipes[pipes_used - 2].readers += 1;
    pipes[pipes_used - 1].writers += 1;
    return @intCast(processes[
        addProcess(.{
            .pid = newPid(processes_used),
            .role = .map_runner,
            .command = processes[first].command,
            .report = holdWriter(plan.report),
            .pid_pipe = @intCast(pipes_used - 2),
            .stderr = @intCast(pipes_used - 1),
        })
    ].pid);
}

fn holdWriter(fd: sys.fd_t) u16 {
    switch (at(fd).*) {
        .writer => |pipe| {
            pipes[pipe].writers += 1;
            return pipe;
        },
        else => bug("no writing end"),
    }
}

fn holdReader(fd: sys.fd_t) u16 {
    switch (at(fd).*) {
        .reader => |pipe| {
            pipes[pipe].readers += 1;
            return pipe;
        },
        else => bug("no reading end"),
    }
}

fn release(process: *Process) void {
    releaseReport(process);
    if (process.pid_pipe) |pipe| pipes[pipe].readers -= 1;
    if (process.stderr) |pipe| pipes[pipe].writers -= 1;
    for (&process.outputs) |*output| {
        if (output.*) |pipe| pipes[pipe].writers -= 1;
        output.* = null;
    }
    if (process.input) |pipe| pipes[pipe].readers -= 1;
    process.input = null;
    process.pid_pipe = null;
    process.stderr = null;
}

fn releaseReport(process: *Process) void {
    if (process.report) |pipe| pipes[pipe].writers -= 1;
    if (process.go) |pipe| pipes[pipe].readers -= 1;
    process.report = null;
    process.go = null;
    process.shared = null;
}

fn end(process: *Process, status: u32) void {
    expect(process.state == .lives, "a process ends twice");
    // Killed right before execve: nobody can tell it from a program that was killed right after.
    if (process.role == .child and process.told) model.executed(process.command, indexOf(process));
    release(process);
    process.state = .zombie;
    process.status = status;
    note("{d} ({t}) ends with status {x}", .{ process.pid, process.role, status });
    tell(process, .dead);
}

fn indexOf(process: *const Process) u16 {
    return @intCast(process - &processes[0]);
}

fn tell(process: *Process, news: @FieldType(Process, "news")) void {
    process.news = news;
    signalled = true;
}

/// Something happens to one process, if it can; to a program or one that is nobody's only with `any`.
fn stepAny(any: bool) bool {
    if (any and chance(8)) return addStranger();
    if (processes_used == 0) return false;
    const start = random.uintLessThan(usize, processes_used);
    for (0..processes_used) |offset| {
        const index = (start + offset) % processes_used;
        const process = &processes[index];
        if (process.state != .lives) continue;
        const is_free = process.role == .program or process.role == .stranger;
        if (is_free and !any) continue;
        if (step(@intCast(index))) return true;
    }
    return false;
}

/// What somebody else has started becomes a child of the helper.
fn addStranger() bool {
    if (processes_used + 1 >= processes_max) return false;
    const stranger = addProcess(.{ .pid = newPid(processes_used), .role = .stranger });
    if (!chance(4)) end(&processes[stranger], 0);
    return true;
}

fn step(index: u16) bool {
    const process = &processes[index];
    if (process.shared) |plan| {
        expect(same(messages.Spawn, plan.request, model.spawnOf(process.command).*), "a plan changes under its child");
    }
    if (process.report) |pipe| if (chance(200)) forge(process, &pipes[pipe]);
    switch (process.role) {
        .child => return stepChild(index),
        .joiner => return stepJoiner(index),
        .map_runner => return stepRunner(process),
        .program, .stranger => stepProgram(process),
    }
    return true;
}

const exited = 1 << 8;

fn record(process: *Process, kind: report.Record.Kind, why: report.Failure) void {
    note("{d} reports {t}", .{ process.pid, kind });
    const bytes = std.mem.asBytes(&report.Record{ .kind = kind, .failure = why });
    if (pipes[process.report.?].readers > 0) expect(put(process.report.?, bytes), "a report waits");
}

/// Another process writes to the report pipe: what is no record, or one that names a process which is none of the command's.
fn forge(process: *const Process, pipe: *Pipe) void {
    const records_size = report.records_max * report.Record.size;
    if (pipe.forged or pipe.readers == 0 or pipe.used + 2 * report.Record.size > pipe_size - records_size) return;
    note("somebody writes to the report pipe of {d}", .{process.pid});
    pipe.forged = true;
    model.spoil(process.command);
    var bytes: [2 * report.Record.size]u8 = undefined;
    random.bytes(&bytes);
    var size = random.intRangeAtMost(usize, 1, bytes.len);
    const is_record = chance(2);
    if (is_record) {
        const pid: u32 = if (random.boolean()) @intCast(process.pid) else std.math.maxInt(i32);
        const joined: report.Record = .{ .kind = .joined, .failure = .{ .stage = .unspecified, .index = pid } };
        size = report.Record.size;
        @memcpy(bytes[0..size], std.mem.asBytes(&joined));
    } else if (size % report.Record.size == 0) {
        // No kind of record.
        bytes[3] |= 0x80;
    }
    expect(put(process.report.?, bytes[0..size]), "the report pipe has no room");
}

fn fail(process: *Process) void {
    model.spoil(process.command);
    process.told = false;
    record(process, .failed, .{
        .stage = if (random.boolean()) .exec else .set_user,
        .call = random.enumValue(report.Call),
        .item = random.enumValue(messages.Item),
        .errno = random.intRangeAtMost(u16, 1, 133),
        .index = random.int(u32),
    });
    end(process, exited);
}

fn die(process: *Process) void {
    model.spoil(process.command);
    end(process, random.intRangeAtMost(u32, 1, 64) | (if (chance(4)) @as(u32, 0x80) else 0));
}

/// Null: not yet. False: it has ended.
fn passGo(process: *Process) ?bool {
    if (!process.awaits_go) return true;
    const pipe = &pipes[process.go.?];
    if (pipe.used == 0) {
        if (pipe.writers > 0) return null;
        end(process, exited);
        return false;
    }
    pipe.used -= 1;
    process.awaits_go = false;
    return true;
}

fn stepChild(index: u16) bool {
    const process = &processes[index];
    if (process.diagnoses) {
        fail(process);
        return true;
    }
    if (process.told) {
        if (chance(8)) {
            fail(process);
            return true;
        }
        releaseReport(process);
        process.role = .program;
        model.executed(process.command, index);
        return true;
    }
    if (chance(16)) {
        die(process);
        return true;
    }
    if (!(passGo(process) orelse return false)) return true;
    if (chance(8)) {
        fail(process);
        return true;
    }
    if (pipes[process.report.?].readers == 0) {
        end(process, exited);
        return true;
    }
    record(process, .about_to_exec, .{ .stage = .unspecified });
    process.told = true;
    return true;
}

fn stepJoiner(index: u16) bool {
    const process = &processes[index];
    if (process.diagnoses or chance(8)) {
        fail(process);
        return true;
    }
    if (chance(16)) {
        die(process);
        return true;
    }
    if (!(passGo(process) orelse return false)) return true;
    if (process.made) |made| {
        if (chance(16)) {
            fail(process);
            return true;
        }
        record(process, .joined, .{ .stage = .unspecified, .index = @intCast(processes[made].pid) });
        end(process, 0);
        return true;
    }
    if (processes_used == processes_max) {
        fail(process);
        return true;
    }
    pipes[process.report.?].writers += 1;
    pipes[process.go.?].readers += 1;
    process.made = addProcess(.{
        // It has not been on its way for so long that they were all used.
        .pid = newPid(index),
        .role = .child,
        .command = process.command,
        .awaits_go = true,
        .has_joiner = true,
        .report = process.report,
        .go = process.go,
    });
    return true;
}

fn stepRunner(process: *Process) bool {
    if (chance(16)) {
        die(process);
        return true;
    }
    const pipe = &pipes[process.pid_pipe.?];
    if (pipe.used < 4) {
        if (pipe.writers > 0) return false;
        end(process, exited);
        return true;
    }
    const told = std.mem.bytesToValue(u32, pipe.bytes[0..4]);
    const mapped = findProcess(@intCast(told)) orelse bug("maps of a process that there is not");
    expect(processes[mapped].command == process.command, "maps of another command's process");
    if (chance(2)) {
        end(process, 0);
        return true;
    }
    if (chance(2)) {
        fail(process);
        return true;
    }
    model.spoil(process.command);
    const size = random.uintAtMost(usize, pipe_size);
    const text: [pipe_size]u8 = @splat('e');
    _ = put(process.stderr.?, text[0..size]);
    const status = random.intRangeAtMost(u32, 1, 255) << 8;
    record(process, .failed, .{ .stage = .aux_command_exited, .item = .newuidmap, .index = status });
    end(process, exited);
    return true;
}

fn stepProgram(process: *Process) void {
    if (chance(4)) return stop(process);
    if (chance(4)) {
        for (process.outputs) |output| if (output) |pipe| {
            const bytes: [16]u8 = @splat('o');
            _ = put(pipe, bytes[0..random.uintAtMost(usize, bytes.len)]);
        };
        if (process.input) |pipe| pipes[pipe].used -= random.uintAtMost(u16, pipes[pipe].used);
        return;
    }
    end(process, if (chance(3)) random.intRangeAtMost(u32, 1, 64) else random.uintLessThan(u32, 256) << 8);
}

fn stop(process: *Process) void {
    process.status = if (random.boolean()) 19 << 8 | 0x7f else 22 << 8 | 0x7f;
    tell(process, if (process.news == .stopped) .continued else .stopped);
}

pub fn kill(pid: sys.pid_t, signal: u32) usize {
    expect(pid != 0 and pid != -1 and pid != kernel.own_pid, "a signal to everybody, or to the helper itself");
    const index = findProcess(if (pid < 0) -pid else pid) orelse bug("a signal to a process that is not there");
    const process = &processes[index];
    note("signal {d} to {d}", .{ signal, pid });
    expect(process.role != .stranger, "a signal to a process that is none of the helper's");
    const leads_group = process.role == .program and rules.leadsGroup(model.spawnOf(process.command));
    if (pid < 0) expect(process.role == .map_runner or leads_group, "a signal to a group that there is not");
    if (signal == 9) model.spoil(process.command);
    if (process.state != .lives) return 0;
    if (signal == 9) {
        end(process, 9);
    } else if (chance(2)) {
        if (process.role != .program) model.spoil(process.command);
        end(process, signal);
    }
    return 0;
}

/// No program of this world leaves siblings in its group.
pub fn lookForGroup(group: sys.pid_t) usize {
    expect(group > kernel.own_pid, "a look at a group that there cannot be");
    return failure(.SRCH);
}

pub fn wait4(which: sys.pid_t, status: *u32, usage: *sys.Rusage) usize {
    if (processes_used == 0) return failure(.CHILD);
    const start = random.uintLessThan(usize, processes_used);
    var lives = false;
    for (0..processes_used) |offset| {
        const process = &processes[(start + offset) % processes_used];
        if (which != sys.any_child and (process.pid != which or process.state == .reaped)) continue;
        if (process.state != .reaped) lives = true;
        switch (process.news) {
            .none => continue,
            .stopped => status.* = process.status,
            .continued => status.* = 0xffff,
            .dead => {
                status.* = process.status;
                process.state = .reaped;
                process.reaped_at = processes_used;
            },
        }
        note("{d} is waited for: {t}", .{ process.pid, process.news });
        process.news = .none;
        usage.* = std.mem.zeroes(sys.Rusage);
        if (chance(8)) usage.max_resident_kib = -1;
        return @intCast(process.pid);
    }
    return if (lives) 0 else failure(.CHILD);
}

// For the model.

/// waitid with WNOWAIT, of one process.
pub fn lookAt(pid: sys.pid_t, signal: *u32) usize {
    for (processes[0..processes_used]) |process| {
        if (process.pid != pid or process.state == .reaped) continue;
        signal.* = if (process.news == .dead) @intFromEnum(sys.linux.SIG.CHLD) else 0;
        return 0;
    }
    return failure(.CHILD);
}

pub fn pidOf(process: u16) u32 {
    return @intCast(processes[process].pid);
}

pub fn statusOf(process: u16) ?u32 {
    return if (processes[process].state == .reaped) processes[process].status else null;
}

/// Whether a process of the command is not reaped that is not its program.
pub fn hasHelpers(command: u16) bool {
    for (processes[0..processes_used]) |process| {
        if (process.command != command or process.state == .reaped) continue;
        switch (process.role) {
            .child => if (!process.has_joiner) return true,
            .joiner, .map_runner => return true,
            .program, .stranger => {},
        }
    }
    return false;
}

pub fn isUnreaped(process: u16) bool {
    return processes[process].state != .reaped;
}

/// The helper has ended: what could not yet have its death signal was ended by it.
pub fn expectNothingLeft() void {
    for (processes[0..processes_used]) |process| {
        if (process.state != .lives or process.told) continue;
        const is_known = switch (process.role) {
            .child => !process.has_joiner,
            .joiner, .map_runner => true,
            .program, .stranger => false,
        };
        expect(!is_known, "a process on its way is left behind");
    }
}
