package peers;

/** The three fields of an event that the job needs. */
public final class AdEvent {
    public String adId;
    public String eventType;
    public long eventTime;
}
