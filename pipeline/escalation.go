package pipeline

// Labels of the routes that are steps of an escalation (Notification.RouteLabels).
const (
	Escalation       = "escalation"        // its name
	EscalationStep   = "escalation_step"   // 1/2
	EscalationNotify = "escalation_notify" // the rotation, group or person to call
	EscalationPeople = "escalation_people" // who that is, by name, when the message is written
)
