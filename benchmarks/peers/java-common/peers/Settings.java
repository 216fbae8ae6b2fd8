package peers;

import java.util.Locale;

/** What the measurement tells every contestant, by environment variables: addresses, topics, and how the run is to go. */
public final class Settings {
    public static final String BOOTSTRAP = text("PEERS_BOOTSTRAP");
    public static final String REDIS = text("PEERS_REDIS");
    public static final String INPUT = text("PEERS_INPUT");
    public static final String OUTPUT = text("PEERS_OUTPUT");
    /** Views of this campaign also go to the output one by one; empty: none do. */
    public static final String PROBE = text("PEERS_PROBE");
    /** A folder for checkpoints and state, empty at the start. */
    public static final String FOLDER = text("PEERS_FOLDER");
    public static final int PARALLELISM = Integer.parseInt(text("PEERS_PARALLELISM"));
    public static final int CHECKPOINT_MS = Integer.parseInt(text("PEERS_CHECKPOINT_MS"));
    /** Whether events are read as they come, so that it counts how soon results are there; otherwise a full topic is read. */
    public static final boolean PACED = text("PEERS_MODE").toLowerCase(Locale.ROOT).equals("latency");

    private static boolean reading;

    private Settings() {}

    /** Tells the measurement, once, that the first record has come. */
    public static synchronized void reading() {
        if (reading) return;
        reading = true;
        System.out.println("READING");
        System.out.flush();
    }

    private static String text(String name) {
        String value = System.getenv(name);
        if (value == null) throw new IllegalStateException(name + " is not set");
        return value;
    }
}
