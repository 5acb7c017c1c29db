//! The messages of proto/unshare.proto. A test at the end compares each struct and enum with that file.
const std = @import("std");
const limits = @import("limits.zig");
const wire = @import("wire.zig");

/// The protocol that this helper speaks; see Hello.protocol.
pub const protocol_version = 1;

const empty: [:0]const u8 = "";

pub const ToHelper = struct {
    hello: ?Hello = null,
    spawn: ?Spawn = null,
    signal: ?Signal = null,
    release_pipes: ?ReleasePipes = null,
    unfreeze: ?Unfreeze = null,
    abort: ?Abort = null,
    reap: ?Reap = null,
    retire: ?Retire = null,
    stream_data: ?StreamData = null,
    stream_credit: ?StreamCredit = null,
    close_stream: ?CloseStream = null,

    pub const numbers = .{
        .hello = 1,
        .spawn = 2,
        .signal = 3,
        .release_pipes = 4,
        .unfreeze = 5,
        .abort = 6,
        .reap = 7,
        .retire = 8,
        .stream_data = 14,
        .stream_credit = 15,
        .close_stream = 16,
    };
};

pub const ToClient = struct {
    hello: ?Hello = null,
    spawned: ?Spawned = null,
    spawn_failed: ?SpawnFailed = null,
    died: ?Died = null,
    signal_result: ?SignalResult = null,
    protocol_error: ?ProtocolError = null,
    frozen: ?Frozen = null,
    stopped: ?Stopped = null,
    continued: ?Continued = null,
    reaped: ?Reaped = null,
    limit_reached: ?LimitReached = null,
    stream_data: ?StreamData = null,
    stream_credit: ?StreamCredit = null,
    close_stream: ?CloseStream = null,

    pub const numbers = .{
        .hello = 1,
        .spawned = 2,
        .spawn_failed = 3,
        .died = 4,
        .signal_result = 5,
        .protocol_error = 6,
        .frozen = 7,
        .stopped = 8,
        .continued = 9,
        .reaped = 10,
        .limit_reached = 11,
        .stream_data = 14,
        .stream_credit = 15,
        .close_stream = 16,
    };
};

pub const Hello = struct {
    protocol: u32 = 0,
    version: [:0]const u8 = empty,
    pid: u32 = 0,
    sealed: bool = false,
    unsealed_reason: [:0]const u8 = empty,
    control_inode: u64 = 0,
    subreaper: bool = false,
    client_thread: u32 = 0,

    pub const numbers = .{
        .protocol = 1,
        .version = 2,
        .pid = 3,
        .sealed = 4,
        .unsealed_reason = 5,
        .control_inode = 6,
        .subreaper = 7,
        .client_thread = 9,
    };
};

pub const Spawn = struct {
    command: u32 = 0,
    program: [:0]const u8 = empty,
    arguments: wire.Strings = &.{},
    environment: wire.Strings = &.{},
    start_dir: ?[:0]const u8 = null,
    current_dir: ?[:0]const u8 = null,
    umask: ?u32 = null,
    descriptors: []const Descriptor = &.{},
    namespaces: []const Namespace = &.{},
    uid_maps: []const IdMap = &.{},
    gid_maps: []const IdMap = &.{},
    uid: ?u32 = null,
    gid: ?u32 = null,
    make_group_leader: ?bool = null,
    parent_death_signal: u32 = 0,
    groups: ?Groups = null,
    keep_capabilities: ?u64 = null,
    pivot_root: ?PivotRoot = null,
    chroot_dir: ?[:0]const u8 = null,
    mount_propagation: MountPropagation = .unspecified,
    joins: []const Join = &.{},
    id_map_commands: ?IdMapCommands = null,
    freeze: bool = false,
    pre_exec: []const Step = &.{},
    close_descriptors: []const DescriptorRange = &.{},
    keep_signal_mask: bool = false,
    pid_variables: []const u32 = &.{},
    run_limits: ?RunLimits = null,
    new_session: ?bool = null,
    foreground: bool = false,
    seal_input: bool = false,
    client_dir: ?ClientDir = null,
    kill_group: bool = false,

    pub const numbers = .{
        .command = 1,
        .program = 2,
        .arguments = 3,
        .environment = 4,
        .start_dir = 5,
        .current_dir = 6,
        .umask = 7,
        .descriptors = 8,
        .namespaces = 9,
        .uid_maps = 10,
        .gid_maps = 11,
        .uid = 12,
        .gid = 13,
        .make_group_leader = 14,
        .parent_death_signal = 15,
        .groups = 16,
        .keep_capabilities = 17,
        .pivot_root = 18,
        .chroot_dir = 19,
        .mount_propagation = 20,
        .joins = 21,
        .id_map_commands = 22,
        .freeze = 23,
        .pre_exec = 24,
        .close_descriptors = 25,
        .keep_signal_mask = 26,
        .pid_variables = 27,
        .run_limits = 28,
        .new_session = 29,
        .foreground = 30,
        .seal_input = 34,
        .client_dir = 36,
        .kill_group = 49,
    };
    pub const maxima = .{
        .arguments = limits.arguments_max,
        .environment = limits.environment_max,
        .descriptors = limits.descriptors_max,
        .namespaces = limits.namespaces_max,
        .uid_maps = limits.id_map_rows_max,
        .gid_maps = limits.id_map_rows_max,
        .joins = limits.joins_max,
        .pre_exec = limits.steps_max,
        .close_descriptors = limits.descriptor_ranges_max,
        .pid_variables = limits.pid_variables_max,
    };
};

pub const ClientDir = struct {
    device: u64 = 0,
    inode: u64 = 0,
    path: [:0]const u8 = empty,

    pub const numbers = .{ .device = 1, .inode = 2, .path = 3 };
};

pub const RunLimits = struct {
    timeout_ms: u64 = 0,
    output_size_max: u64 = 0,
    kill_signal: u32 = 0,
    drain_timeout_ms: ?u64 = null,
    force_kill_after_ms: ?u64 = null,

    pub const numbers = .{ .timeout_ms = 1, .output_size_max = 2, .kill_signal = 3, .drain_timeout_ms = 4, .force_kill_after_ms = 6 };
};

pub const Groups = struct {
    gids: []const u32 = &.{},

    pub const numbers = .{ .gids = 1 };
    pub const maxima = .{ .gids = limits.groups_max };
};

pub const PivotRoot = struct {
    new_root: [:0]const u8 = empty,
    put_old: [:0]const u8 = empty,
    unmount: bool = false,

    pub const numbers = .{ .new_root = 1, .put_old = 2, .unmount = 3 };
};

pub const MountPropagation = enum(u8) {
    unspecified = 0,
    private = 1,
    slave = 2,
    shared = 3,
    unchanged = 4,
};

pub const Join = struct {
    namespace: Namespace = .unspecified,
    path: [:0]const u8 = empty,
    pid: u32 = 0,
    helper_descriptor: u32 = 0,

    pub const numbers = .{ .namespace = 1, .path = 2, .pid = 3, .helper_descriptor = 4 };
};

pub const IdMapCommands = struct {
    newuidmap: [:0]const u8 = empty,
    newgidmap: [:0]const u8 = empty,

    pub const numbers = .{ .newuidmap = 1, .newgidmap = 2 };
};

pub const Step = struct {
    number: u32 = 0,
    arguments: []const StepArgument = &.{},
    allow_failure: bool = false,

    pub const numbers = .{ .number = 1, .arguments = 2, .allow_failure = 3 };
    pub const maxima = .{ .arguments = limits.step_arguments_max };
};

pub const StepArgument = struct {
    number: ?u64 = null,
    buffer: ?[]u8 = null,
    result: ?u32 = null,
    reference: ?BufferReference = null,

    pub const numbers = .{ .number = 1, .buffer = 2, .result = 3, .reference = 4 };
};

pub const BufferReference = struct {
    step: u32 = 0,
    argument: u32 = 0,

    pub const numbers = .{ .step = 1, .argument = 2 };
};

pub const DescriptorRange = struct {
    first: u32 = 0,
    last: u32 = 0,

    pub const numbers = .{ .first = 1, .last = 2 };
};

pub const Descriptor = struct {
    number: u32 = 0,
    source: DescriptorSource = .unspecified,
    helper_descriptor: u32 = 0,
    is_clients: bool = false,
    input: []u8 = &.{},
    input_ends: bool = false,
    file: ?FileToOpen = null,
    same_as: u32 = 0,

    pub const numbers = .{
        .number = 1,
        .source = 2,
        .helper_descriptor = 3,
        .is_clients = 4,
        .input = 5,
        .input_ends = 6,
        .file = 7,
        .same_as = 8,
    };
};

pub const FileToOpen = struct {
    path: [:0]const u8 = empty,
    read: bool = false,
    write: bool = false,
    append: bool = false,
    create: bool = false,
    truncate: bool = false,
    mode: u32 = 0,
    inside: bool = false,

    pub const numbers = .{
        .path = 1,
        .read = 2,
        .write = 3,
        .append = 4,
        .create = 5,
        .truncate = 6,
        .mode = 7,
        .inside = 8,
    };
};

pub const DescriptorSource = enum(u8) {
    unspecified = 0,
    inherit = 1,
    null_read = 2,
    null_write = 3,
    pipe_read = 4,
    pipe_write = 5,
    helper = 6,
    stream_read = 7,
    stream_write = 8,
    file = 9,
    same = 10,
};

pub const Namespace = enum(u8) {
    unspecified = 0,
    mount = 1,
    uts = 2,
    ipc = 3,
    user = 4,
    pid = 5,
    net = 6,
    cgroup = 7,
    time = 8,
};

pub const IdMap = struct {
    inside: u32 = 0,
    outside: u32 = 0,
    count: u32 = 0,

    pub const numbers = .{ .inside = 1, .outside = 2, .count = 3 };
};

pub const Frozen = struct {
    command: u32 = 0,
    pid: u32 = 0,

    pub const numbers = .{ .command = 1, .pid = 2 };
};

pub const Spawned = struct {
    command: u32 = 0,
    pid: u32 = 0,
    pipes: []const Pipe = &.{},
    streams: []const Stream = &.{},

    pub const numbers = .{ .command = 1, .pid = 2, .pipes = 3, .streams = 4 };
    pub const maxima = .{ .pipes = limits.descriptors_max, .streams = limits.descriptors_max };
};

pub const Stream = struct {
    number: u32 = 0,
    stream: u32 = 0,

    pub const numbers = .{ .number = 1, .stream = 2 };
};

pub const StreamData = struct {
    command: u32 = 0,
    stream: u32 = 0,
    data: []u8 = &.{},
    end: bool = false,

    pub const numbers = .{ .command = 1, .stream = 2, .data = 3, .end = 4 };
};

pub const StreamCredit = struct {
    command: u32 = 0,
    stream: u32 = 0,
    size: u32 = 0,

    pub const numbers = .{ .command = 1, .stream = 2, .size = 3 };
};

pub const CloseStream = struct {
    command: u32 = 0,
    stream: u32 = 0,
    drain: bool = false,
    errno: u32 = 0,

    pub const numbers = .{ .command = 1, .stream = 2, .drain = 3, .errno = 4 };
};

pub const Pipe = struct {
    number: u32 = 0,
    helper_descriptor: u32 = 0,
    device: u64 = 0,
    inode: u64 = 0,

    pub const numbers = .{ .number = 1, .helper_descriptor = 2, .device = 3, .inode = 4 };
};

pub const SpawnFailed = struct {
    command: u32 = 0,
    stage: Stage = .unspecified,
    errno: u32 = 0,
    syscall: [:0]const u8 = empty,
    item: Item = .none,
    index: u32 = 0,
    signal: u32 = 0,
    detail: [:0]const u8 = empty,
    exit_status: ?ExitStatus = null,
    stderr: []u8 = &.{},

    pub const numbers = .{
        .command = 1,
        .stage = 2,
        .errno = 3,
        .syscall = 4,
        .item = 5,
        .index = 6,
        .signal = 7,
        .detail = 8,
        .exit_status = 9,
        .stderr = 10,
    };
};

pub const Stage = enum(u8) {
    unspecified = 0,
    create_pipe = 1,
    fork = 2,
    exec = 3,
    chdir = 4,
    parent_death_signal = 5,
    pipe_error = 6,
    wait_error = 7,
    stdio_error = 8,
    set_user = 9,
    change_root = 10,
    set_id_map = 11,
    aux_command_exited = 12,
    aux_command_killed = 13,
    set_pgid = 14,
    set_ns = 15,
    cap_set = 16,
    before_unfreeze = 17,
    pre_exec = 18,
    unknown_error = 19,
    limit = 20,
    protocol = 21,
};

pub const Item = enum(u8) {
    none = 0,
    program = 1,
    start_dir = 2,
    current_dir = 3,
    namespace = 4,
    uid_map = 5,
    gid_map = 6,
    setgroups = 7,
    uid = 8,
    gid = 9,
    groups = 10,
    descriptor = 11,
    mount_propagation = 12,
    new_root = 13,
    put_old = 14,
    chroot_dir = 15,
    join = 16,
    newuidmap = 17,
    newgidmap = 18,
    bounding = 19,
    ambient = 20,
    capabilities = 21,
    step = 22,
    signals = 23,
    umask = 24,
    session = 25,
    file = 32,
};

pub const Died = struct {
    command: u32 = 0,
    exit_status: ?ExitStatus = null,
    pid: u32 = 0,

    pub const numbers = .{ .command = 1, .exit_status = 2, .pid = 3 };
};

pub const Stopped = struct {
    command: u32 = 0,
    pid: u32 = 0,
    signal: u32 = 0,

    pub const numbers = .{ .command = 1, .pid = 2, .signal = 3 };
};

pub const Continued = struct {
    command: u32 = 0,
    pid: u32 = 0,

    pub const numbers = .{ .command = 1, .pid = 2 };
};

pub const LimitReached = struct {
    limit: RunLimit = .unspecified,

    pub const numbers = .{ .limit = 1 };
};

pub const RunLimit = enum(u8) {
    unspecified = 0,
    timeout = 1,
    output_size = 2,
};

pub const ExitStatus = struct {
    exit_code: u32 = 0,
    signal: u32 = 0,
    core_dumped: bool = false,
    resource_usage: ?ResourceUsage = null,

    pub const numbers = .{ .exit_code = 1, .signal = 2, .core_dumped = 3, .resource_usage = 4 };
};

pub const ResourceUsage = struct {
    user_time_us: u64 = 0,
    system_time_us: u64 = 0,
    max_resident_kib: u64 = 0,
    minor_faults: u64 = 0,
    major_faults: u64 = 0,
    blocks_in: u64 = 0,
    blocks_out: u64 = 0,
    voluntary_switches: u64 = 0,
    involuntary_switches: u64 = 0,

    pub const numbers = .{
        .user_time_us = 1,
        .system_time_us = 2,
        .max_resident_kib = 3,
        .minor_faults = 4,
        .major_faults = 5,
        .blocks_in = 6,
        .blocks_out = 7,
        .voluntary_switches = 8,
        .involuntary_switches = 9,
    };
};

pub const Signal = struct {
    request: u32 = 0,
    command: u32 = 0,
    signal: u32 = 0,
    group: bool = false,

    pub const numbers = .{ .request = 1, .command = 2, .signal = 3, .group = 4 };
};

pub const Reap = struct {
    request: u32 = 0,

    pub const numbers = .{ .request = 1 };
};

pub const Reaped = struct {
    request: u32 = 0,

    pub const numbers = .{ .request = 1 };
};

pub const Retire = struct {
    pub const numbers = .{};
};

pub const SignalResult = struct {
    request: u32 = 0,
    errno: u32 = 0,

    pub const numbers = .{ .request = 1, .errno = 2 };
};

pub const Unfreeze = struct {
    command: u32 = 0,

    pub const numbers = .{ .command = 1 };
};

pub const Abort = struct {
    command: u32 = 0,

    pub const numbers = .{ .command = 1 };
};

pub const ReleasePipes = struct {
    command: u32 = 0,

    pub const numbers = .{ .command = 1 };
};

pub const ProtocolError = struct {
    name: [:0]const u8 = empty,

    pub const numbers = .{ .name = 1 };
};

comptime {
    @setEvalBranchQuota(10_000);
    std.debug.assert(wire.arenaExcess(ToHelper, limits.arena_factor) <= limits.arena_excess_max);
}

const testing = std.testing;

/// The lines of unshare.proto, taken apart as far as this file has to agree with them.
const Proto = struct {
    const Field = struct { kind: []const u8, label: []const u8, name: []const u8, number: u32 };

    text: []const u8,

    /// The body of `message Name {` or `enum Name {`.
    fn block(proto: Proto, comptime keyword: []const u8, name: []const u8) ![]const u8 {
        var buffer: [64]u8 = undefined;
        const opening = try std.fmt.bufPrint(&buffer, "\n{s} {s} {{\n", .{ keyword, name });
        const start = (std.mem.indexOf(u8, proto.text, opening) orelse return error.NotInProto) + opening.len;
        // From the end of the opening on: a message may have no fields.
        const end = std.mem.indexOfPos(u8, proto.text, start - 1, "\n}\n") orelse return error.NotInProto;
        return proto.text[start..@max(start, end)];
    }

    /// `[optional|repeated] kind name = number;`, or `NAME = number;` in an enum; null for every other line.
    fn field(line: []const u8) !?Field {
        const code = std.mem.trim(u8, line, " ");
        if (std.mem.startsWith(u8, code, "//") or !std.mem.endsWith(u8, code, ";")) return null;
        var words = std.mem.tokenizeScalar(u8, code[0 .. code.len - 1], ' ');
        var parts: [5][]const u8 = undefined;
        var count: usize = 0;
        while (words.next()) |word| : (count += 1) parts[count] = word;
        try testing.expectEqualStrings("=", parts[count - 2]);
        return .{
            .label = if (count == 5) parts[0] else "",
            .kind = if (count >= 4) parts[count - 4] else "",
            .name = parts[count - 3],
            .number = try std.fmt.parseInt(u32, parts[count - 1], 10),
        };
    }
};

fn expectMessage(proto: Proto, comptime T: type) !void {
    const name = comptime shortName(T);
    const fields = @typeInfo(T).@"struct".fields;
    var lines = std.mem.splitScalar(u8, try proto.block("message", name), '\n');
    var count: usize = 0;
    next: while (lines.next()) |line| {
        const found = try Proto.field(line) orelse continue;
        count += 1;
        inline for (fields) |field| {
            if (std.mem.eql(u8, field.name, found.name)) {
                try testing.expectEqual(found.number, @field(T.numbers, field.name));
                const is_one_of = T == ToHelper or T == ToClient or T == StepArgument;
                try testing.expectEqualStrings(if (is_one_of) "" else comptime labelOf(field.type), found.label);
                if (field.type == [:0]const u8 or field.type == ?[:0]const u8 or field.type == wire.Strings) {
                    // One type here for both.
                    if (!std.mem.eql(u8, found.kind, "string")) try testing.expectEqualStrings("bytes", found.kind);
                } else try testing.expectEqualStrings(comptime kindOf(field.type), found.kind);
                continue :next;
            }
        }
        std.debug.print("{s}.{s} is not in the helper\n", .{ name, found.name });
        return error.NotInHelper;
    }
    try testing.expectEqual(fields.len, count);
}

fn expectEnum(proto: Proto, comptime T: type, comptime prefix: []const u8) !void {
    const fields = @typeInfo(T).@"enum".fields;
    var lines = std.mem.splitScalar(u8, try proto.block("enum", comptime shortName(T)), '\n');
    var count: usize = 0;
    while (lines.next()) |line| {
        const found = try Proto.field(line) orelse continue;
        count += 1;
        try testing.expectStringStartsWith(found.name, prefix);
        var buffer: [64]u8 = undefined;
        const lower = std.ascii.lowerString(&buffer, found.name[prefix.len..]);
        const value = std.meta.stringToEnum(T, lower) orelse return error.NotInHelper;
        try testing.expectEqual(found.number, @intFromEnum(value));
    }
    try testing.expectEqual(fields.len, count);
}

fn shortName(comptime T: type) []const u8 {
    const full = @typeName(T);
    return full[std.mem.lastIndexOfScalar(u8, full, '.').? + 1 ..];
}

fn labelOf(comptime T: type) []const u8 {
    if (T == [:0]const u8 or T == []u8) return "";
    return switch (@typeInfo(T)) {
        // A message has presence without saying so.
        .optional => |optional| if (@typeInfo(optional.child) == .@"struct") "" else "optional",
        .pointer => "repeated",
        else => "",
    };
}

fn kindOf(comptime T: type) []const u8 {
    if (T == []u8) return "bytes";
    return switch (@typeInfo(T)) {
        .bool => "bool",
        .int => if (T == u32) "uint32" else "uint64",
        .optional => |optional| kindOf(optional.child),
        .pointer => |pointer| kindOf(pointer.child),
        .@"struct", .@"enum" => shortName(T),
        else => comptime unreachable,
    };
}

test "the most steps that there may be, with the most arguments, fit into an arena for their bytes" {
    // Empty arguments, which a command is refused for, are the shortest.
    const arguments = [_]StepArgument{.{}} ** limits.step_arguments_max;
    const steps = [_]Step{.{ .arguments = &arguments }} ** limits.steps_max;
    var encoded: [4096]u8 = undefined;
    const size = wire.encodeDelimited(ToHelper, "spawn", &.{ .pre_exec = &steps }, &encoded);
    const bytes = encoded[2..size];
    var buffer: [limits.arenaSize(encoded.len)]u8 = undefined;
    var arena: wire.Arena = .{ .buffer = buffer[0..limits.arenaSize(bytes.len)] };
    const spawn = (try wire.decode(ToHelper, bytes, &arena)).spawn.?;
    try testing.expectEqual(limits.steps_max, spawn.pre_exec.len);
}

test "the messages are those of unshare.proto" {
    const proto: Proto = .{ .text = @embedFile("unshare.proto") };
    inline for (.{
        ToHelper,        ToClient,     Hello,       Spawn,         Descriptor,   IdMap,         Groups,
        PivotRoot,       Join,         Step,        IdMapCommands, StepArgument, SpawnFailed,   BufferReference,
        DescriptorRange, Frozen,       Spawned,     Pipe,          Died,         ResourceUsage, ExitStatus,
        Signal,          Unfreeze,     Abort,       SignalResult,  ReleasePipes, ProtocolError, Stopped,
        Continued,       Reap,         Reaped,      Retire,        RunLimits,    LimitReached,  Stream,
        StreamData,      StreamCredit, CloseStream, ClientDir,     FileToOpen,
    }) |T| try expectMessage(proto, T);
    try expectEnum(proto, DescriptorSource, "DESCRIPTOR_SOURCE_");
    try expectEnum(proto, Namespace, "NAMESPACE_");
    try expectEnum(proto, MountPropagation, "MOUNT_PROPAGATION_");
    try expectEnum(proto, Stage, "STAGE_");
    try expectEnum(proto, Item, "ITEM_");
    try expectEnum(proto, RunLimit, "RUN_LIMIT_");
    // Nothing stands there that is not compared here.
    try testing.expectEqual(40, std.mem.count(u8, proto.text, "\nmessage "));
    try testing.expectEqual(6, std.mem.count(u8, proto.text, "\nenum "));
}
