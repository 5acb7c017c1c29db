const std = @import("std");
const HashesFile = @import("scripts/hashes.zig").HashesFile;

/// Where the helper runs: the names that Node gives the architectures, and Zig's.
const Target = struct { name: []const u8, query: std.Target.Query, emulator: []const u8 };

const targets = [_]Target{
    .{ .name = "x64", .query = .{ .cpu_arch = .x86_64, .os_tag = .linux, .abi = .none }, .emulator = "qemu-x86_64-static" },
    .{ .name = "arm64", .query = .{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .none }, .emulator = "qemu-aarch64-static" },
    .{ .name = "arm", .query = .{ .cpu_arch = .arm, .os_tag = .linux, .abi = .eabi }, .emulator = "qemu-arm-static" },
    .{ .name = "riscv64", .query = .{ .cpu_arch = .riscv64, .os_tag = .linux, .abi = .none }, .emulator = "qemu-riscv64-static" },
};

/// Small static programs that the tests and the benchmark start.
const fixtures = [_][]const u8{ "copy", "exit", "flood", "floor", "siblings", "state", "tracer" };

pub fn build(b: *std.Build) void {
    const options = b.addOptions();
    options.addOption([:0]const u8, "version", packageVersion(b));
    options.addOption(bool, "fuzz", false);

    const all = b.option(bool, "all", "Build the helper for every architecture, not for this machine's alone") orelse false;
    const hashes = HashesFile.create(b);
    b.getInstallStep().dependOn(&hashes.step);
    for (targets) |target| {
        if (!all and target.query.cpu_arch != b.graph.host.result.cpu.arch) continue;
        const helper = smallExecutable(b, "unshare-helper", "helper/main.zig", target.query);
        helper.root_module.addOptions("options", options);
        install(b, helper, b.fmt("dist/helper/{s}/unshare-helper", .{target.name}));
        hashes.add(target.name, helper.getEmittedBin());
    }

    const syscalls = @import("scripts/syscalls.zig").module(b.allocator) catch @panic("out of memory");
    const generated = b.addUpdateSourceFiles();
    generated.addBytesToSource(syscalls, "dist/client/syscalls.js");
    b.getInstallStep().dependOn(&generated.step);

    const native: std.Target.Query = .{ .abi = .none };
    for (fixtures) |name| {
        const fixture = smallExecutable(b, name, b.fmt("test/fixtures/{s}.zig", .{name}), native);
        install(b, fixture, b.fmt("dist/test/fixtures/{s}", .{name}));
    }

    const unit_tests = b.step("test", "Run the helper's unit tests, and what the fuzz program keeps");
    unit_tests.dependOn(&unitTests(b, options, b.graph.host, null).step);
    addFuzz(b, unit_tests);
    const emulated = b.step("test-emulated", "Run them for the other architectures too, by the programs of qemu-user-static");
    for (targets) |target| {
        if (target.query.cpu_arch == b.graph.host.result.cpu.arch) continue;
        const run = unitTests(b, options, b.resolveTargetQuery(target.query), target.emulator);
        emulated.dependOn(&run.step);
    }
}

fn unitTests(b: *std.Build, options: *std.Build.Step.Options, target: std.Build.ResolvedTarget, emulator: ?[]const u8) *std.Build.Step.Run {
    const tests = b.addTest(.{ .root_module = b.createModule(.{
        .root_source_file = b.path("helper/tests.zig"),
        .target = target,
    }) });
    tests.root_module.addOptions("options", options);
    tests.root_module.addAnonymousImport("unshare.proto", .{ .root_source_file = b.path("proto/unshare.proto") });
    if (emulator) |program| tests.setExecCmd(&.{ program, null });
    return b.addRunArtifact(tests);
}

/// The programs that fuzz the helper, in a world of their own (helper/fuzz/kernel.zig).
fn addFuzz(b: *std.Build, unit_tests: *std.Build.Step) void {
    const options = b.addOptions();
    options.addOption([:0]const u8, "version", "fuzz");
    options.addOption(bool, "fuzz", true);

    const program = b.addExecutable(.{ .name = "helper-fuzz", .root_module = b.createModule(.{
        .root_source_file = b.path("helper/fuzz.zig"),
        .target = b.graph.host,
        .optimize = .ReleaseSafe,
        .single_threaded = true,
    }) });
    program.root_module.addOptions("options", options);
    const copy = b.addUpdateSourceFiles();
    copy.addCopyFileToSource(program.getEmittedBin(), "dist/test/fuzz/helper-fuzz");
    b.step("fuzz", "Build the program that fuzzes the helper").dependOn(&copy.step);

    const corpus = b.addRunArtifact(program);
    corpus.addArg("--corpus");
    for (filesOf(b, "test/fuzz/corpus/helper")) |path| corpus.addFileArg(b.path(path));
    unit_tests.dependOn(&corpus.step);
    // What tests of the client hold it against is there then, too.
    unit_tests.dependOn(&copy.step);

    const guided = b.addTest(.{
        .name = "fuzz-guided",
        .filters = &.{"lives of helpers"},
        .root_module = b.createModule(.{
            .root_source_file = b.path("helper/fuzz_guided.zig"),
            .target = b.graph.host,
            .optimize = .ReleaseSafe,
            // Its counters need both.
            .error_tracing = false,
        }),
        .use_llvm = true,
    });
    guided.root_module.addOptions("options", options);
    guided.root_module.addAnonymousImport("unshare.proto", .{ .root_source_file = b.path("proto/unshare.proto") });
    const run_guided = b.addRunArtifact(guided);
    b.step("fuzz-guided", "With --fuzz: fuzz the helper by Zig's own fuzzer").dependOn(&run_guided.step);
}

/// In no order.
fn filesOf(b: *std.Build, directory: []const u8) []const []const u8 {
    var found: std.ArrayList([]const u8) = .empty;
    var open = b.build_root.handle.openDir(b.graph.io, directory, .{ .iterate = true }) catch return found.items;
    defer open.close(b.graph.io);
    var entries = open.iterate();
    while (entries.next(b.graph.io) catch @panic("the corpus cannot be read")) |entry| {
        found.append(b.allocator, b.pathJoin(&.{ directory, entry.name })) catch @panic("out of memory");
    }
    return found.items;
}

/// Static, without libc, and without what only helps a debugger.
fn smallExecutable(b: *std.Build, name: []const u8, root: []const u8, query: std.Target.Query) *std.Build.Step.Compile {
    const executable = b.addExecutable(.{
        .name = name,
        .linkage = .static,
        .root_module = b.createModule(.{
            .root_source_file = b.path(root),
            .target = b.resolveTargetQuery(query),
            .optimize = .ReleaseSafe,
            .single_threaded = true,
            .strip = true,
            .unwind_tables = .none,
            .error_tracing = false,
            .omit_frame_pointer = true,
        }),
    });
    executable.link_gc_sections = true;
    executable.build_id = .none;
    // Zig's start code raises the soft stack limit to this, and children would inherit it.
    executable.stack_size = 256 * 1024;
    return executable;
}

/// Into the source tree's dist/, beside what the TypeScript compiler puts there.
fn install(b: *std.Build, executable: *std.Build.Step.Compile, path: []const u8) void {
    const copy = b.addUpdateSourceFiles();
    copy.addCopyFileToSource(executable.getEmittedBin(), path);
    b.getInstallStep().dependOn(&copy.step);
}

fn packageVersion(b: *std.Build) [:0]const u8 {
    const Package = struct { version: []const u8 };
    // Not embedded: a build directory that was copied with its cache would keep the version that it had where it came from.
    const text = b.build_root.handle.readFileAlloc(b.graph.io, "package.json", b.allocator, .limited(64 * 1024)) catch
        @panic("there is no package.json");
    const package = std.json.parseFromSliceLeaky(Package, b.allocator, text, .{ .ignore_unknown_fields = true }) catch
        @panic("package.json has no version");
    return b.allocator.dupeZ(u8, package.version) catch @panic("out of memory");
}
