package pipeline

// Person is somebody whom a message calls, by what each channel knows people by. What is empty is not known.
type Person struct {
	Name     string `json:"name"`
	WeCom    string `json:"wecom,omitempty"`    // user id
	Mobile   string `json:"mobile,omitempty"`   // phone number, which WeCom and DingTalk know members of a group by
	DingTalk string `json:"dingtalk,omitempty"` // user id
	Feishu   string `json:"feishu,omitempty"`   // open id, ou_…
	Email    string `json:"email,omitempty"`
}
