package peers;

/** A row of the table. */
record Row(String scene, String library, Chunk chunk) {
    static final int CALLS = 200;

    /** Makes CALLS calls; returns how many gave a wrong result. */
    interface Chunk {
        int run();
    }
}
