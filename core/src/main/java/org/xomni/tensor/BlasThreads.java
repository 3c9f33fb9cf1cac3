package org.xomni.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;

/**
 * The threads that OpenBLAS shares its products out to, in place of its own. Those wait for the next product in a loop, for 2^26 ticks of the clock (27 ms), on cores
 * that decoding and libtorch's other operations want: decoding was slower by a quarter, training that shares products out no faster on two cores than on one (docs/log.md, 2026-12-01).
 * These give their core to whoever wants it while they wait. What they compute is the same to the bit, as OpenBLAS cuts products into the same jobs.
 */
final class BlasThreads {
    /** A step of training has milliseconds of other operations between products, and to wake who sleeps costs more than to wait for that long. */
    private static final long PATIENCE_NANOS = 10_000_000;

    /** {@code void job(int number, void *data, int more)}. */
    private static final FunctionDescriptor JOB = FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);

    /** {@code void share(int wait, job *job, int jobs, size_t size, void *data, int more)}. */
    private static final FunctionDescriptor SHARE = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);

    private final MethodHandle call = Linker.nativeLinker().downcallHandle(JOB);
    private final List<Worker> workers = new ArrayList<>();

    private BlasThreads() {}

    /** Hands all products that OpenBLAS shares out over to threads of this class, for as long as the process lives; where there is no OpenBLAS it does nothing. */
    static void install() {
        SymbolLookup.loaderLookup().find("openblas_set_threads_callback_function").ifPresent(function -> {
            try {
                MethodHandle share = MethodHandles.lookup().findVirtual(BlasThreads.class, "share", MethodType.methodType(
                        void.class, int.class, MemorySegment.class, int.class, long.class, MemorySegment.class, int.class));
                MemorySegment stub = Linker.nativeLinker().upcallStub(share.bindTo(new BlasThreads()), SHARE, Arena.global());
                Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS)).invokeExact(stub);
            } catch (Throwable e) {
                throw new IllegalStateException("cannot give OpenBLAS its threads", e);
            }
        });
    }

    /**
     * OpenBLAS calls this on the thread that multiplies. Jobs of a product wait for each other, so each has a thread of its own; one product is done after the other.
     *
     * @param wait always asked for
     * @param job what a thread is to call
     * @param data address of what belongs to the first job, {@code size} bytes before that of the next
     */
    private synchronized void share(int wait, MemorySegment job, int jobs, long size, MemorySegment data, int more) {
        while (workers.size() < jobs - 1) {
            workers.add(new Worker(workers.size() + 1));
        }
        for (int i = 1; i < jobs; i++) {
            workers.get(i - 1).give(new Job(job, i, MemorySegment.ofAddress(data.address() + i * size), more));
        }
        run(new Job(job, 0, data, more));
        for (int i = 1; i < jobs; i++) {
            workers.get(i - 1).await();
        }
    }

    private void run(Job job) {
        try {
            call.invokeExact(job.function, job.number, job.data, job.more);
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS cannot be called", e);
        }
    }

    private record Job(MemorySegment function, int number, MemorySegment data, int more) {}

    /** A thread that does one job after the other. */
    private final class Worker {
        private final Gate given = new Gate(PATIENCE_NANOS);
        private final Gate done = new Gate(PATIENCE_NANOS);
        private Job job = new Job(MemorySegment.NULL, 0, MemorySegment.NULL, 0);
        private int before;

        Worker(int number) {
            Thread.ofPlatform().daemon().name("xomni-blas-" + number).start(this::serve);
        }

        private void serve() {
            for (int seen = 0; ; seen++) {
                given.await(seen);
                run(job);
                done.open();
            }
        }

        void give(Job next) {
            job = next;
            before = done.phase();
            given.open();
        }

        void await() {
            done.await(before);
        }
    }
}
