package org.xomni.server;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * Notices that a client closes its connection while its request is worked on. Jetty itself reads nothing between the end of a request's body
 * and the end of the response, so it would find out when it writes, after all the work. To be closed before the response ends.
 */
final class ClientWatch implements AutoCloseable {
    private final @Nullable AbstractEndPoint endPoint;
    private final Runnable gone;
    private boolean closed;
    private boolean early;

    private ClientWatch(@Nullable AbstractEndPoint endPoint, Runnable gone) {
        this.endPoint = endPoint;
        this.gone = gone;
    }

    /**
     * Watches from now on; the request's body has been read.
     *
     * @param gone runs on a thread of the server, at most once
     */
    static ClientWatch of(HttpServletRequest request, Runnable gone) {
        EndPoint endPoint = ServletContextRequest.getServletContextRequest(request).getConnectionMetaData().getConnection().getEndPoint();
        ClientWatch watch = new ClientWatch(endPoint instanceof AbstractEndPoint known ? known : null, gone);
        watch.listen();
        return watch;
    }

    private synchronized void listen() {
        if (!closed && endPoint != null) {
            boolean unused = endPoint.tryFillInterested(Callback.from(this::readable, this::failed));
        }
    }

    private void readable() {
        int read;
        synchronized (this) {
            if (closed || endPoint == null) {
                return;
            }
            try {
                read = endPoint.fill(ByteBuffer.allocate(1).limit(0));
            } catch (IOException e) {
                read = -1;
            }
            early = read > 0;
            closed = read != 0;
        }
        if (read < 0) {
            gone.run();
        } else if (read == 0) {
            listen();
        }
    }

    /** Whether the client has sent more before it got its answer: the first byte of that is lost, so the connection must end with the response. */
    synchronized boolean early() {
        return early;
    }

    private void failed(Throwable reason) {
        if (reason instanceof TimeoutException) {
            listen();
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        if (endPoint != null) {
            boolean unused = endPoint.getFillInterest().onFail(new IOException("no longer watched"));
        }
    }
}
