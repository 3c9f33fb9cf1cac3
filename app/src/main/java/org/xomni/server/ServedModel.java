package org.xomni.server;

import org.xomni.ServingEngine;
import org.xomni.tensor.InputException;

/**
 * A model that is served.
 *
 * @param id how clients name it: letters, digits, dots, dashes and underscores
 * @param engine closed with the server; the {@link org.xomni.XOmni} below it stays its owner's
 */
public record ServedModel(String id, ServingEngine engine) {
    public ServedModel {
        if (!id.matches("[A-Za-z0-9._-]+")) {
            throw new InputException("'" + id + "' cannot be a model's name; use letters, digits, dots, dashes and underscores");
        }
    }
}
