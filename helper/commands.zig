//! The commands that are being started or live, found by the client's number and by pid; and the client's ends of their
//! pipes. State belongs to the command, never to a pid: pids are used again within seconds.
const std = @import("std");
const launch = @import("launch.zig");
const limits = @import("limits.zig");
const Failure = @import("report.zig").Failure;
const standard = @import("standard.zig");
const sys = @import("sys.zig");

pub const Index = u16;
pub const none: Index = std.math.maxInt(Index);

comptime {
    std.debug.assert(limits.commands_max <= none);
    std.debug.assert(limits.processes_max <= none);
    std.debug.assert(limits.pipes_max <= none);
}

pub const State = enum {
    /// Between clone and the end of its report pipe.
    starting,
    /// It cannot become the program any more; its processes only have to be reaped.
    failing,
    /// execve has succeeded.
    running,
    /// Reaped; the client is told when it has released the pipes.
    dead,
};

/// What a command that is being started is waiting for, after the clone.
pub const Phase = enum {
    /// For nobody but its own process.
    released,
    /// For the maps of the first process's user namespace, by the runner of the map commands.
    mapping,
    /// For the joiner to make the command's own process.
    joining,
    /// For the client's Unfreeze.
    frozen,
};

/// What a process is to its command.
pub const Role = enum { child, joiner, map_runner };

const Process = struct {
    pid: sys.pid_t,
    command: Index,
    role: Role,
    next: Index,
};

pub const Command = struct {
    id: u32,
    /// Of the command's own process; 0 as long as there is none, and once it was reaped.
    pid: sys.pid_t,
    /// What its pid is or was, for the client.
    child_pid: sys.pid_t,
    /// Of those that help it on its way; 0 likewise.
    joiner: sys.pid_t,
    map_runner: sys.pid_t,
    /// How many processes had been reaped that nobody knew when the joiner was made: it has made none of these.
    unclaimed_before: usize,
    state: State,
    phase: Phase,
    /// The client wants to do something before the program runs.
    freeze: bool,
    /// It shares a standard descriptor with the client (standard.zig).
    borrows: bool,
    /// The program leads a process group, whose number is its pid.
    leads_group: bool,
    /// Sent to the program when the helper ends; 0: none.
    death_signal: u8,
    /// The program has the terminal's foreground (terminal.zig).
    foreground: bool,
    /// Reading end of the report pipe while starting.
    report: sys.fd_t,
    /// Writing end of the pipe on which the child waits while starting; -1 where it does not.
    go: sys.fd_t,
    /// Writing end of the pipe on which the runner of the map commands waits to be told a pid; -1 where it does not.
    map_pid: sys.fd_t,
    /// Reading end of its standard error.
    map_stderr: sys.fd_t,
    /// Where the child that shares the helper's memory runs while starting.
    place: ?*launch.Place,
    failure: Failure,
    /// The signal that has stopped it before the helper knew that it runs; 0 where none has.
    stopped: u8,
    /// How it ended, once it is dead.
    status: u32,
    pipes: Index,
    /// The first of its streams, until it runs.
    streams: Index,
    /// How many of its pipes have more than the usual room.
    large_pipes: u8,
    next_by_id: Index,

    /// How many processes of it are not reaped.
    pub fn livingProcesses(command: *const Command) usize {
        return @as(usize, @intFromBool(command.pid != 0)) + @intFromBool(command.joiner != 0) +
            @intFromBool(command.map_runner != 0);
    }

    fn pidOf(command: *Command, role: Role) *sys.pid_t {
        return switch (role) {
            .child => &command.pid,
            .joiner => &command.joiner,
            .map_runner => &command.map_runner,
        };
    }
};

/// The ends of one pipe that the helper keeps until the client has opened its own.
pub const Pipe = struct {
    /// Number in the program.
    number: sys.fd_t,
    /// The client's end.
    end: sys.fd_t,
    /// The program's reading end, which is kept too: a pipe without a reader cannot be opened for writing.
    reader: sys.fd_t,
    next: Index,
};

/// Slots of an array that is only touched as far as it was ever used. `link` is the field that chains free ones.
pub fn Pool(comptime T: type, comptime count_max: usize, comptime link: []const u8) type {
    return struct {
        pub var items: [count_max]T = undefined;
        pub var used: Index = 0;
        var free: Index = none;

        pub fn take() ?Index {
            if (free != none) {
                const index = free;
                free = @field(items[index], link);
                return index;
            }
            if (used == count_max) return null;
            used += 1;
            return used - 1;
        }

        pub fn give(index: Index) void {
            std.debug.assert(index < used);
            @field(items[index], link) = free;
            free = index;
        }

        pub fn reset() void {
            used = 0;
            free = none;
        }
    };
}

const buckets_count = 4096;

const pool = Pool(Command, limits.commands_max, "next_by_id");
const process_pool = Pool(Process, limits.processes_max, "next");
const pipe_pool = Pool(Pipe, limits.pipes_max, "next");
var by_id: [buckets_count]Index = undefined;
var by_pid: [buckets_count]Index = undefined;

pub fn prepare() void {
    by_id = @splat(none);
    by_pid = @splat(none);
}

/// As at the start, for the fuzz program.
pub fn reset() void {
    // No other bucket was used, and most were not.
    for (pool.items[0..pool.used]) |command| by_id[bucketOf(command.id)] = none;
    for (process_pool.items[0..process_pool.used]) |process| by_pid[bucketOf(@intCast(process.pid))] = none;
    pool.reset();
    process_pool.reset();
    pipe_pool.reset();
    count = 0;
    large_pipes = 0;
}

fn bucketOf(key: u32) usize {
    return key % buckets_count;
}

/// Commands that are not forgotten yet.
pub var count: usize = 0;

/// A new command in state starting, without pid, report and pipes; null where there are commands_max already.
pub fn add(id: u32) ?Index {
    std.debug.assert(findById(id) == null);
    const index = pool.take() orelse return null;
    const bucket = &by_id[bucketOf(id)];
    pool.items[index] = .{
        .id = id,
        .pid = 0,
        .child_pid = 0,
        .joiner = 0,
        .map_runner = 0,
        .unclaimed_before = 0,
        .state = .starting,
        .phase = .released,
        .freeze = false,
        .borrows = false,
        .leads_group = false,
        .death_signal = 0,
        .foreground = false,
        .report = -1,
        .go = -1,
        .map_pid = -1,
        .map_stderr = -1,
        .place = null,
        .failure = .{ .stage = .unspecified },
        .stopped = 0,
        .status = 0,
        .pipes = none,
        .streams = none,
        .large_pipes = 0,
        .next_by_id = bucket.*,
    };
    bucket.* = index;
    count += 1;
    return index;
}

pub noinline fn get(index: Index) *Command {
    std.debug.assert(index < pool.used);
    return &pool.items[index];
}

var usages: [limits.commands_max]sys.Rusage = undefined;

/// What a process of the command has used, until the client is told: the runner of its map commands, where one has failed, or
/// itself, where it is dead. Too much to have in every command.
pub fn usageOf(index: Index) *sys.Rusage {
    return &usages[index];
}

pub noinline fn findById(id: u32) ?Index {
    var index = by_id[bucketOf(id)];
    while (index != none) : (index = pool.items[index].next_by_id) {
        if (pool.items[index].id == id) return index;
    }
    return null;
}

/// False where there are processes_max already.
pub fn addProcess(index: Index, role: Role, pid: sys.pid_t) bool {
    std.debug.assert(pid > 0);
    const own_pid = get(index).pidOf(role);
    std.debug.assert(own_pid.* == 0);
    const process = process_pool.take() orelse return false;
    const bucket = &by_pid[bucketOf(@intCast(pid))];
    process_pool.items[process] = .{ .pid = pid, .command = index, .role = role, .next = bucket.* };
    bucket.* = process;
    own_pid.* = pid;
    if (role == .child) get(index).child_pid = pid;
    return true;
}

pub const Owner = struct { index: Index, role: Role };

/// Whose process this is that has not been reaped.
pub fn findProcess(pid: sys.pid_t) ?Owner {
    var at = by_pid[bucketOf(@intCast(pid))];
    while (at != none) : (at = process_pool.items[at].next) {
        const found = process_pool.items[at];
        if (found.pid == pid) return .{ .index = found.command, .role = found.role };
    }
    return null;
}

/// Whose process this was that has been reaped: its pid may be somebody else's from now on. Null: nobody's.
pub fn removeProcess(pid: sys.pid_t) ?Owner {
    var at = &by_pid[bucketOf(@intCast(pid))];
    while (at.* != none) : (at = &process_pool.items[at.*].next) {
        const process = at.*;
        const found = process_pool.items[process];
        if (found.pid != pid) continue;
        at.* = found.next;
        process_pool.give(process);
        get(found.command).pidOf(found.role).* = 0;
        return .{ .index = found.command, .role = found.role };
    }
    return null;
}

/// Every process that is not reaped, one after the other. The one that `next` has given may be removed, and others added.
pub const ProcessIterator = struct {
    bucket: usize = 0,
    at: Index = none,

    pub const Known = struct { pid: sys.pid_t, owner: Owner };

    pub fn next(iterator: *ProcessIterator) ?Known {
        while (iterator.at == none) {
            if (iterator.bucket == buckets_count) return null;
            iterator.at = by_pid[iterator.bucket];
            iterator.bucket += 1;
        }
        const found = process_pool.items[iterator.at];
        iterator.at = found.next;
        return .{ .pid = found.pid, .owner = .{ .index = found.command, .role = found.role } };
    }
};

/// All processes of the command were reaped.
pub fn markDead(index: Index) void {
    const command = get(index);
    std.debug.assert(command.livingProcesses() == 0);
    large_pipes -= command.large_pipes;
    command.large_pipes = 0;
    standard.takeBack(command);
    command.state = .dead;
}

/// Commands that are being started, one after the other: those that are in `phase`, or all.
pub const StartingIterator = struct {
    phase: ?Phase,
    at: Index = 0,

    pub fn next(iterator: *StartingIterator) ?Index {
        while (iterator.at < pool.used) {
            const index = iterator.at;
            iterator.at += 1;
            // A slot that is free was left in another state.
            const command = &pool.items[index];
            if (command.state != .starting) continue;
            if (command.phase == iterator.phase orelse command.phase) return index;
        }
        return null;
    }
};

pub fn remove(index: Index) void {
    const command = get(index);
    std.debug.assert(command.livingProcesses() == 0);
    std.debug.assert(command.report < 0);
    std.debug.assert(command.go < 0);
    std.debug.assert(command.place == null);
    std.debug.assert(command.pipes == none);
    std.debug.assert(!command.borrows);
    std.debug.assert(command.streams == none);
    // Of a command that never had a child.
    large_pipes -= command.large_pipes;
    command.state = .dead;
    var at = &by_id[bucketOf(command.id)];
    while (at.* != index) {
        std.debug.assert(at.* != none);
        at = &pool.items[at.*].next_by_id;
    }
    at.* = command.next_by_id;
    pool.give(index);
    count -= 1;
}

var large_pipes: usize = 0;

/// Whether one more pipe of this command may have more than the usual room. It counts until the command's end.
pub fn takeLargePipe(command: *Command) bool {
    if (large_pipes == limits.large_pipes_max) return false;
    large_pipes += 1;
    command.large_pipes += 1;
    return true;
}

/// False where there are pipes_max already.
pub fn addPipe(command: *Command, pipe: Pipe) bool {
    const index = pipe_pool.take() orelse return false;
    pipe_pool.items[index] = pipe;
    pipe_pool.items[index].next = command.pipes;
    command.pipes = index;
    return true;
}

pub const PipeIterator = struct {
    at: Index,

    pub fn next(iterator: *PipeIterator) ?*Pipe {
        if (iterator.at == none) return null;
        const pipe = &pipe_pool.items[iterator.at];
        iterator.at = pipe.next;
        return pipe;
    }
};

pub fn pipesOf(command: *const Command) PipeIterator {
    return .{ .at = command.pipes };
}

pub fn closePipes(command: *Command) void {
    while (command.pipes != none) {
        const index = command.pipes;
        const pipe = &pipe_pool.items[index];
        sys.close(pipe.end);
        if (pipe.reader >= 0) sys.close(pipe.reader);
        command.pipes = pipe.next;
        pipe_pool.give(index);
    }
}

const testing = std.testing;

test "a command is found by number and a process by pid until it is removed" {
    prepare();
    const first = add(7).?;
    const second = add(7 + buckets_count).?;
    try testing.expect(addProcess(first, .child, 100));
    try testing.expect(addProcess(second, .joiner, 100 + buckets_count));
    try testing.expect(addProcess(second, .child, 100 + 2 * buckets_count));
    try testing.expectEqual(first, findById(7).?);
    try testing.expectEqual(second, findById(7 + buckets_count).?);
    try testing.expectEqual(Owner{ .index = first, .role = .child }, removeProcess(100).?);
    try testing.expectEqual(null, removeProcess(100));
    try testing.expectEqual(0, get(first).livingProcesses());
    markDead(first);
    remove(first);
    try testing.expectEqual(null, findById(7));
    try testing.expectEqual(2, get(second).livingProcesses());
    try testing.expectEqual(Owner{ .index = second, .role = .joiner }, removeProcess(100 + buckets_count).?);
    // The slot is used again.
    try testing.expectEqual(first, add(9).?);
    try testing.expectEqual(Owner{ .index = second, .role = .child }, removeProcess(100 + 2 * buckets_count).?);
    markDead(second);
    remove(second);
    remove(first);
}

test "commands by phase" {
    prepare();
    const first = add(1).?;
    const second = add(2).?;
    get(second).phase = .joining;
    var iterator: StartingIterator = .{ .phase = .joining };
    try testing.expectEqual(second, iterator.next().?);
    try testing.expectEqual(null, iterator.next());
    remove(first);
    remove(second);
    iterator = .{ .phase = .joining };
    try testing.expectEqual(null, iterator.next());
}
